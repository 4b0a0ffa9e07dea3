use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_iam::Client;
use aws_sdk_iam::config::http::HttpResponse;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};

use crate::domain::{AccessKeyId, AccessKeyPolicy, BucketName, KeyPair, Loopholes};
use crate::service::{AccessKeyBroker, UpstreamError, UpstreamErrorKind};

use super::pair::Strangers;
use crate::adapters::aws::AwsClients;
use crate::adapters::aws::failure::{code, describe};

/// The one inline policy of a key's user.
const POLICY: &str = "cloakroom";

const NO_SUCH: &str = "NoSuchEntity";

/// Between the tries of what needs a user that has just been made; about 6 s in all.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1_600),
    Duration::from_millis(3_200),
];

/// Access keys by AWS IAM, or by a store that speaks it: a user for each key, under a path of this
/// deployment's, with one inline policy.
pub struct IamBroker {
    iam: Client,
    store: AwsClients,
    path: String,
}

impl IamBroker {
    /// As the administrator of `admin`, for keys to the store of `store`.
    #[must_use]
    pub fn new(admin: &AwsClients, store: &AwsClients, deployment: &str) -> Self {
        Self {
            iam: admin.iam.clone(),
            store: store.clone(),
            path: format!("/cloakroom/{deployment}/"),
        }
    }

    async fn make_user(&self, user: &str) -> Result<(), UpstreamError> {
        let made = self.iam.create_user().path(&self.path).user_name(user);
        accept("CreateUser", made.send().await, "EntityAlreadyExists")
    }
}

#[async_trait]
impl AccessKeyBroker for IamBroker {
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
        policy: &AccessKeyPolicy,
    ) -> Result<KeyPair, UpstreamError> {
        let user = user(key);
        self.make_user(&user).await?;
        once_known("PutUserPolicy", || {
            let put = self.iam.put_user_policy().user_name(&user);
            put.policy_name(POLICY)
                .policy_document(policy.as_str())
                .send()
        })
        .await?;
        let creation = || self.iam.create_access_key().user_name(&user).send();
        let made = once_known("CreateAccessKey", creation).await?;
        let pair = made.access_key.ok_or_else(|| {
            UpstreamError::new(
                UpstreamErrorKind::Nonsense,
                "CreateAccessKey: no key in the answer",
            )
        })?;
        Ok(KeyPair {
            access_key_id: pair.access_key_id,
            secret_access_key: pair.secret_access_key.into(),
        })
    }

    async fn pairs(&self, key: &AccessKeyId) -> Result<Vec<String>, UpstreamError> {
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

    async fn withdraw(&self, key: &AccessKeyId, pair: &str) -> Result<(), UpstreamError> {
        let deleted = self
            .iam
            .delete_access_key()
            .user_name(user(key))
            .access_key_id(pair)
            .send();
        accept("DeleteAccessKey", deleted.await, NO_SUCH)
    }

    async fn remove(&self, key: &AccessKeyId) -> Result<(), UpstreamError> {
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
    ) -> Result<bool, UpstreamError> {
        self.store
            .accepts(pair, bucket, Strangers::AreUnknown)
            .await
    }
}

fn user(key: &AccessKeyId) -> String {
    format!("cloakroom-{key}")
}

/// IAM is of many nodes, and not all of them know at once of a user that has just been made.
async fn once_known<T, E, Sent>(
    operation: &str,
    call: impl Fn() -> Sent,
) -> Result<T, UpstreamError>
where
    E: ProvideErrorMetadata,
    Sent: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    let mut pauses = PAUSES.into_iter();
    loop {
        match (call().await, pauses.next()) {
            (Ok(done), _) => return Ok(done),
            (Err(error), Some(pause)) if code(&error) == Some(NO_SUCH) => {
                tokio::time::sleep(pause).await;
            }
            (Err(error), _) => return Err(describe(operation, &error)),
        }
    }
}

/// What is done already is no failure.
fn accept<T, E: ProvideErrorMetadata>(
    operation: &str,
    sent: Result<T, SdkError<E, HttpResponse>>,
    already: &str,
) -> Result<(), UpstreamError> {
    match sent {
        Ok(_) => Ok(()),
        Err(error) if code(&error) == Some(already) => Ok(()),
        Err(error) => Err(describe(operation, &error)),
    }
}
