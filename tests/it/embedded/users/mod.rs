//! IAM users of the embedded store, through the SDK, unmodified.

mod callers;
mod calls;
mod forms;
mod kept;
mod keys;
mod policies;
mod uploads;

use std::time::Duration;

use aws_sdk_iam::config::http::HttpResponse;
use aws_sdk_iam::config::timeout::TimeoutConfig;
use aws_sdk_iam::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use cloakroom::embedded::storage::Storage;
use tempfile::TempDir;

use crate::support::s3;

/// A store of its own.
struct World {
    storage: Storage,
    directory: TempDir,
}

/// An access key.
#[derive(Clone)]
struct Key {
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

    fn root_key(&self) -> Key {
        let root = self.storage.identity();
        Key {
            id: root.access_key_id.clone(),
            secret: root.secret_access_key.clone(),
        }
    }

    fn root(&self) -> aws_sdk_s3::Client {
        self.s3(&self.root_key())
    }

    fn s3(&self, key: &Key) -> aws_sdk_s3::Client {
        s3(&self.storage.url(), &key.id, &key.secret, None)
    }

    /// IAM as the root calls it.
    fn iam(&self) -> aws_sdk_iam::Client {
        self.iam_with(&self.root_key(), None)
    }

    fn iam_with(&self, key: &Key, token: Option<&str>) -> aws_sdk_iam::Client {
        let token = token.map(str::to_owned);
        let config = aws_sdk_iam::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(self.storage.url())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(&key.id, &key.secret, token, None, "test"))
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_timeout(Duration::from_secs(20))
                    .build(),
            )
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        aws_sdk_iam::Client::from_conf(config)
    }

    /// A new user with these inline policies, and a key of theirs.
    async fn user(&self, name: &str, policies: &[String]) -> Key {
        let made = self.iam().create_user().user_name(name).send().await;
        made.unwrap();
        for (number, policy) in policies.iter().enumerate() {
            self.put_policy(name, &format!("p{number}"), policy).await;
        }
        self.key(name).await
    }

    async fn put_policy(&self, user: &str, name: &str, document: &str) {
        let put = self.iam().put_user_policy().user_name(user);
        let put = put.policy_name(name).policy_document(document);
        put.send().await.unwrap();
    }

    async fn key(&self, user: &str) -> Key {
        let made = self.iam().create_access_key().user_name(user).send().await;
        let key = made.unwrap().access_key.unwrap();
        Key {
            id: key.access_key_id,
            secret: key.secret_access_key,
        }
    }

    /// Buckets with these objects in them.
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

/// `{"Effect":…,"Action":[…],"Resource":[…]}`, a document of one statement.
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

async fn put(s3: &aws_sdk_s3::Client, bucket: &str, key: &str) -> Result<(), String> {
    let body = ByteStream::from_static(b"content");
    let put = s3.put_object().bucket(bucket).key(key).body(body);
    outcome(put.send().await)
}

async fn get(s3: &aws_sdk_s3::Client, bucket: &str, key: &str) -> Result<(), String> {
    outcome(s3.get_object().bucket(bucket).key(key).send().await)
}

async fn list(s3: &aws_sdk_s3::Client, bucket: &str, prefix: &str) -> Result<Vec<String>, String> {
    let sent = s3.list_objects_v2().bucket(bucket).prefix(prefix).send();
    let objects = refusal(sent.await)?.contents.unwrap_or_default();
    let keys = objects.into_iter().filter_map(|object| object.key);
    Ok(keys.collect())
}

async fn buckets(s3: &aws_sdk_s3::Client) -> Result<Vec<String>, String> {
    let buckets = refusal(s3.list_buckets().send().await)?.buckets;
    let names = buckets.unwrap_or_default().into_iter();
    let mut names: Vec<String> = names.filter_map(|bucket| bucket.name).collect();
    names.sort();
    Ok(names)
}

fn outcome<T, E: ProvideErrorMetadata + std::fmt::Debug>(
    sent: Result<T, SdkError<E, HttpResponse>>,
) -> Result<(), String> {
    refusal(sent).map(drop)
}

/// `409 DeleteConflict`, for whatever was refused.
fn refusal<T, E: ProvideErrorMetadata + std::fmt::Debug>(
    sent: Result<T, SdkError<E, HttpResponse>>,
) -> Result<T, String> {
    sent.map_err(|error| {
        let Some(answer) = error.raw_response() else {
            panic!("no answer: {error:?}")
        };
        let status = answer.status().as_u16();
        let code = error.as_service_error().and_then(|error| error.code());
        format!("{status} {}", code.unwrap_or_default())
    })
}

fn refused(code: &str) -> Result<(), String> {
    Err(code.to_owned())
}

fn denied() -> Result<(), String> {
    refused("403 AccessDenied")
}
