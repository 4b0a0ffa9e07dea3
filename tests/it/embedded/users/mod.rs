//! IAM users of the embedded store, through the unmodified SDK.

mod access_keys;
mod callers;
mod calls;
mod html_forms;
mod persistence;
mod policies;
mod uploads;

use std::time::Duration;

use aws_sdk_iam::config::timeout::TimeoutConfig;
use aws_sdk_iam::config::{BehaviorVersion, Credentials, Region};
use cloakroom::embedded::storage::Storage;
use tempfile::TempDir;

use crate::support::s3;

use super::{answer, denied, get, outcome, put, refused, sts};

/// A store without a gateway.
struct World {
    storage: Storage,
    directory: TempDir,
}

/// An access key.
#[derive(Clone)]
struct AccessKey {
    id: String,
    secret: String,
}

impl World {
    async fn start() -> Self {
        Self::over(tempfile::tempdir().unwrap()).await
    }

    async fn over(directory: TempDir) -> Self {
        let path = directory.path().join("storage");
        let storage = Storage::start(0, path).await.unwrap();
        Self { storage, directory }
    }

    async fn restart(self) -> Self {
        drop(self.storage);
        Self::over(self.directory).await
    }

    fn root_key(&self) -> AccessKey {
        let root = self.storage.identity();
        AccessKey {
            id: root.access_key_id.clone(),
            secret: root.secret_access_key.clone(),
        }
    }

    fn root(&self) -> aws_sdk_s3::Client {
        self.s3(&self.root_key())
    }

    fn s3(&self, key: &AccessKey) -> aws_sdk_s3::Client {
        s3(&self.storage.url(), &key.id, &key.secret, None)
    }

    /// IAM, called by the root.
    fn iam(&self) -> aws_sdk_iam::Client {
        self.iam_with(&self.root_key(), None)
    }

    fn iam_with(&self, key: &AccessKey, token: Option<&str>) -> aws_sdk_iam::Client {
        let token = token.map(str::to_owned);
        let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(20));
        let config = aws_sdk_iam::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(self.storage.url())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(&key.id, &key.secret, token, None, "test"))
            .timeout_config(timeouts.build())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        aws_sdk_iam::Client::from_conf(config)
    }

    /// Creates a user with these inline policies and an access key.
    async fn user(&self, name: &str, policies: &[String]) -> AccessKey {
        let made = self.iam().create_user().user_name(name).send().await;
        made.unwrap();
        for (number, policy) in policies.iter().enumerate() {
            self.put_policy(name, &format!("p{number}"), policy).await;
        }
        self.access_key(name).await
    }

    async fn delete_access_key(&self, user: &str, id: &str) {
        let delete = self.iam().delete_access_key().user_name(user);
        delete.access_key_id(id).send().await.unwrap();
    }

    async fn put_policy(&self, user: &str, name: &str, document: &str) {
        let put = self.iam().put_user_policy().user_name(user);
        let put = put.policy_name(name).policy_document(document);
        put.send().await.unwrap();
    }

    /// Creates an access key.
    async fn access_key(&self, user: &str) -> AccessKey {
        let made = self.iam().create_access_key().user_name(user).send().await;
        let key = made.unwrap().access_key.unwrap();
        AccessKey {
            id: key.access_key_id,
            secret: key.secret_access_key,
        }
    }

    /// Creates these buckets, each with these objects.
    async fn fill(&self, buckets: &[&str], keys: &[&str]) {
        for bucket in buckets {
            let made = self.root().create_bucket().bucket(*bucket).send().await;
            made.unwrap();
            for key in keys {
                put(&self.root(), bucket, key).await.unwrap();
            }
        }
    }
}

/// A policy document with one statement.
fn document(effect: &str, actions: &[&str], resources: &[&str]) -> String {
    let resources: Vec<String> = resources.iter().map(|resource| arn(resource)).collect();
    serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Effect": effect, "Action": actions, "Resource": resources},
    ]})
    .to_string()
}

fn allow(actions: &[&str], resources: &[&str]) -> String {
    document("Allow", actions, resources)
}

fn arn(resource: &str) -> String {
    match resource {
        "*" => "*".to_owned(),
        resource => format!("arn:aws:s3:::{resource}"),
    }
}

async fn list(s3: &aws_sdk_s3::Client, bucket: &str, prefix: &str) -> Result<Vec<String>, String> {
    let sent = s3.list_objects_v2().bucket(bucket).prefix(prefix).send();
    let objects = answer(sent.await)?.contents.unwrap_or_default();
    let keys = objects.into_iter().filter_map(|object| object.key);
    Ok(keys.collect())
}

async fn buckets(s3: &aws_sdk_s3::Client) -> Result<Vec<String>, String> {
    let buckets = answer(s3.list_buckets().send().await)?.buckets;
    let names = buckets.unwrap_or_default().into_iter();
    let mut names: Vec<String> = names.filter_map(|bucket| bucket.name).collect();
    names.sort();
    Ok(names)
}
