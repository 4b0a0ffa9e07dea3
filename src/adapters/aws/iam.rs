use async_trait::async_trait;
use aws_sdk_iam::Client;
use aws_sdk_iam::config::http::HttpResponse;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};

use crate::domain::{AccessKeyId, BucketName, KeyPair, KeyPolicy, Loopholes};
use crate::service::{AccessKeys, FailureKind, UpstreamFailure};

use super::AwsClients;
use super::failure::{code, describe};
use super::pair::Strangers;

/// The one inline policy of a key's user.
const POLICY: &str = "cloakroom";

const NO_SUCH: &str = "NoSuchEntity";

/// Access keys by AWS IAM, or by a store that speaks it: a user for each key, under a path of this
/// deployment's, with one inline policy.
pub struct IamKeys {
    iam: Client,
    store: AwsClients,
    path: String,
}

impl IamKeys {
    /// As the administrator of `admin`, for keys to the store of `store`.
    #[must_use]
    pub fn new(admin: &AwsClients, store: &AwsClients, deployment: &str) -> Self {
        Self {
            iam: admin.iam.clone(),
            store: store.clone(),
            path: format!("/cloakroom/{deployment}/"),
        }
    }

    async fn make_user(&self, user: &str) -> Result<(), UpstreamFailure> {
        let made = self.iam.create_user().path(&self.path).user_name(user);
        accept("CreateUser", made.send().await, "EntityAlreadyExists")
    }
}

#[async_trait]
impl AccessKeys for IamKeys {
    /// `GetSessionToken` asks for no permission, and its sessions last up to 36 h.
    fn loopholes(&self) -> Loopholes {
        Loopholes {
            sessions_outlive_pairs: true,
            ..Loopholes::NONE
        }
    }

    async fn issue(
        &self,
        key: &AccessKeyId,
        policy: &KeyPolicy,
    ) -> Result<KeyPair, UpstreamFailure> {
        let user = user(key);
        self.make_user(&user).await?;
        self.iam
            .put_user_policy()
            .user_name(&user)
            .policy_name(POLICY)
            .policy_document(policy.as_str())
            .send()
            .await
            .map_err(|error| describe("PutUserPolicy", &error))?;
        let made = self.iam.create_access_key().user_name(&user).send().await;
        let made = made.map_err(|error| describe("CreateAccessKey", &error))?;
        let pair = made.access_key.ok_or_else(|| {
            UpstreamFailure::new(
                FailureKind::Nonsense,
                "CreateAccessKey: no key in the answer",
            )
        })?;
        Ok(KeyPair {
            access_key_id: pair.access_key_id,
            secret_access_key: pair.secret_access_key.into(),
        })
    }

    async fn pairs(&self, key: &AccessKeyId) -> Result<Vec<String>, UpstreamFailure> {
        let listed = self.iam.list_access_keys().user_name(user(key)).send();
        match listed.await {
            Ok(listed) => {
                let pairs = listed.access_key_metadata.into_iter();
                Ok(pairs.filter_map(|pair| pair.access_key_id).collect())
            }
            Err(error) if code(&error) == Some(NO_SUCH) => Ok(Vec::new()),
            Err(error) => Err(describe("ListAccessKeys", &error)),
        }
    }

    async fn withdraw(&self, key: &AccessKeyId, pair: &str) -> Result<(), UpstreamFailure> {
        let deleted = self
            .iam
            .delete_access_key()
            .user_name(user(key))
            .access_key_id(pair)
            .send();
        accept("DeleteAccessKey", deleted.await, NO_SUCH)
    }

    async fn remove(&self, key: &AccessKeyId) -> Result<(), UpstreamFailure> {
        for pair in self.pairs(key).await? {
            self.withdraw(key, &pair).await?;
        }
        let user = user(key);
        let policy = self
            .iam
            .delete_user_policy()
            .user_name(&user)
            .policy_name(POLICY)
            .send();
        accept("DeleteUserPolicy", policy.await, NO_SUCH)?;
        let deleted = self.iam.delete_user().user_name(&user).send();
        accept("DeleteUser", deleted.await, NO_SUCH)
    }

    async fn works(
        &self,
        pair: &KeyPair,
        bucket: Option<&BucketName>,
    ) -> Result<bool, UpstreamFailure> {
        self.store
            .accepts(pair, bucket, Strangers::AreUnknown)
            .await
    }
}

fn user(key: &AccessKeyId) -> String {
    format!("cloakroom-{key}")
}

/// What is done already is no failure.
fn accept<T, E: ProvideErrorMetadata>(
    operation: &str,
    sent: Result<T, SdkError<E, HttpResponse>>,
    already: &str,
) -> Result<(), UpstreamFailure> {
    match sent {
        Ok(_) => Ok(()),
        Err(error) if code(&error) == Some(already) => Ok(()),
        Err(error) => Err(describe(operation, &error)),
    }
}
