use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_iam::Client;
use aws_sdk_iam::config::http::HttpResponse;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};

use crate::domain::{AccessKeyId, AccessKeyPolicy, BucketName, KeyPair, Loopholes};
use crate::service::{AccessKeyBroker, UpstreamError, UpstreamErrorKind};

use super::pair::{UnknownKeyError, whole};
use crate::adapters::aws::AwsClients;
use crate::adapters::aws::failure::{code, describe};

/// The name of the inline policy of a key's user.
const POLICY: &str = "cloakroom";

const NO_SUCH_ENTITY: &str = "NoSuchEntity";

/// The pauses between attempts while IAM does not know a new user yet; about 6 s in all.
const RETRY_PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1_600),
    Duration::from_millis(3_200),
];

/// Creates access keys at AWS IAM, or at a store with the same API: a user for each key, under this
/// deployment's path, with one inline policy.
pub struct IamBroker {
    iam: Client,
    store: AwsClients,
    path: String,
    loopholes: Loopholes,
}

impl IamBroker {
    /// Creates keys with the key pair of `admin`, and tries them at `store`.
    #[must_use]
    pub fn new(admin: &AwsClients, store: &AwsClients, deployment: &str) -> Self {
        Self {
            iam: admin.iam.clone(),
            store: store.clone(),
            path: format!("/cloakroom/{deployment}/"),
            loopholes: Loopholes {
                sessions_outlive_pairs: store.settings.engine.lets_pairs_open_sessions(),
                ..Loopholes::NONE
            },
        }
    }

    async fn create_user(&self, user: &str) -> Result<(), UpstreamError> {
        let request = self.iam.create_user().path(&self.path).user_name(user);
        allowing("EntityAlreadyExists", "CreateUser", request.send().await)
    }
}

#[async_trait]
impl AccessKeyBroker for IamBroker {
    fn loopholes(&self) -> Loopholes {
        self.loopholes
    }

    async fn issue(
        &self,
        key: &AccessKeyId,
        policy: &AccessKeyPolicy,
    ) -> Result<KeyPair, UpstreamError> {
        let user = user(key);
        self.create_user(&user).await?;
        retry_unknown_user("PutUserPolicy", || {
            let put = self.iam.put_user_policy().user_name(&user);
            put.policy_name(POLICY)
                .policy_document(policy.as_str())
                .send()
        })
        .await?;
        let creation = || self.iam.create_access_key().user_name(&user).send();
        let created = retry_unknown_user("CreateAccessKey", creation).await?;
        let pair = created.access_key;
        let pair = pair.and_then(|pair| whole(pair.access_key_id, pair.secret_access_key));
        pair.ok_or_else(|| {
            UpstreamError::new(
                UpstreamErrorKind::Nonsense,
                "CreateAccessKey: the answer has no key pair, or half of one",
            )
        })
    }

    async fn pairs(&self, key: &AccessKeyId) -> Result<Vec<String>, UpstreamError> {
        let listed = self.iam.list_access_keys().user_name(user(key)).send();
        match listed.await {
            Ok(listed) => {
                let pairs = listed.access_key_metadata.into_iter();
                let pairs = pairs.filter_map(|pair| pair.access_key_id);
                Ok(pairs.filter(|pair| !pair.is_empty()).collect())
            }
            Err(error) if code(&error) == Some(NO_SUCH_ENTITY) => Ok(Vec::new()),
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
        allowing(NO_SUCH_ENTITY, "DeleteAccessKey", deleted.await)
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
        allowing(NO_SUCH_ENTITY, "DeleteUserPolicy", policy.await)?;
        let deleted = self.iam.delete_user().user_name(&user).send();
        allowing(NO_SUCH_ENTITY, "DeleteUser", deleted.await)
    }

    async fn works(
        &self,
        pair: &KeyPair,
        bucket: Option<&BucketName>,
    ) -> Result<bool, UpstreamError> {
        self.store
            .accepts(pair, bucket, UnknownKeyError::InvalidAccessKeyId)
            .await
    }
}

fn user(key: &AccessKeyId) -> String {
    format!("cloakroom-{key}")
}

/// Repeats the call until IAM knows the user: a new user takes seconds to reach all of its nodes.
async fn retry_unknown_user<T, E, Sent>(
    operation: &str,
    call: impl Fn() -> Sent,
) -> Result<T, UpstreamError>
where
    E: ProvideErrorMetadata,
    Sent: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    let mut pauses = RETRY_PAUSES.into_iter();
    loop {
        match (call().await, pauses.next()) {
            (Ok(done), _) => return Ok(done),
            (Err(error), Some(pause)) if code(&error) == Some(NO_SUCH_ENTITY) => {
                tokio::time::sleep(pause).await;
            }
            (Err(error), _) => return Err(describe(operation, &error)),
        }
    }
}

/// Treats this error code as success: the work is done already.
fn allowing<T, E: ProvideErrorMetadata>(
    allowed: &str,
    operation: &str,
    sent: Result<T, SdkError<E, HttpResponse>>,
) -> Result<(), UpstreamError> {
    match sent {
        Ok(_) => Ok(()),
        Err(error) if code(&error) == Some(allowed) => Ok(()),
        Err(error) => Err(describe(operation, &error)),
    }
}
