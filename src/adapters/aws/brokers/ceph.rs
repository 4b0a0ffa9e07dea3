use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::form_urlencoded;

use crate::domain::{AccessKeyId, AccessKeyPolicy, BucketName, KeyPair, Loopholes};
use crate::service::{AccessKeyBroker, UpstreamError, UpstreamErrorKind};

use super::admin_api::{AdminApi, Answer};
use super::pair::{UnknownKeyError, whole};
use crate::adapters::aws::failure::describe;
use crate::adapters::aws::{AuthoritiesError, AwsClients};

/// The name of the inline policy of a pair's user.
const POLICY: &str = "cloakroom";

const NO_SUCH_USER: &str = "NoSuchUser";

/// The suffixes of a key's two users: one has the current pair, the other is for the next pair.
const USER_SUFFIXES: [&str; 2] = ["a", "b"];

/// Creates access keys at Ceph RGW. Each pair has a user that may not create buckets, made by the
/// Admin Ops API (caps `users=*`), with a policy that is set by IAM (caps `user-policy=*`). A user has
/// one pair only, because RGW 16 drops a user's policies when one of its keys is created or deleted.
///
/// <https://docs.ceph.com/en/pacific/radosgw/adminops/>
pub struct CephBroker {
    admin: AwsClients,
    admin_api: AdminApi,
    store: AwsClients,
}

#[derive(Deserialize)]
struct User {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    access_key: String,
    secret_key: String,
}

impl CephBroker {
    /// Creates keys with the key pair of `admin`, and tries them at `store`.
    ///
    /// # Errors
    ///
    /// [`AuthoritiesError`] if the certificate authorities are unusable, or the endpoint or the key
    /// pair is missing.
    pub fn new(
        admin: &AwsClients,
        store: &AwsClients,
        deployment: &str,
    ) -> Result<Self, AuthoritiesError> {
        Ok(Self {
            admin: admin.clone(),
            admin_api: AdminApi::new("Admin Ops", admin, deployment)?,
            store: store.clone(),
        })
    }

    fn users(&self, key: &AccessKeyId) -> [String; 2] {
        USER_SUFFIXES.map(|suffix| format!("{}-{suffix}", self.admin_api.name_of(key)))
    }

    /// Sends a request about a user; such requests have the parameter `uid` and no body.
    async fn user_request(
        &self,
        method: Method,
        user: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Answer, UpstreamError> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("uid", user)
            .extend_pairs(parameters)
            .finish();
        let path = format!("/admin/user?{query}");
        self.admin_api.send(method, &path, Vec::new()).await
    }

    async fn pairs_of(&self, user: &str) -> Result<Vec<String>, UpstreamError> {
        let answer = self.user_request(Method::GET, user, &[]).await?;
        if answer.status == StatusCode::OK {
            let keys = self.parse(&answer.body)?.keys.into_iter();
            return Ok(keys.map(|key| key.access_key).collect());
        }
        if answer.is_not_found(NO_SUCH_USER) {
            return Ok(Vec::new());
        }
        Err(self.admin_api.status_error("GET user", &answer))
    }

    async fn free_user(&self, key: &AccessKeyId) -> Result<String, UpstreamError> {
        for user in self.users(key) {
            if self.pairs_of(&user).await?.is_empty() {
                return Ok(user);
            }
        }
        Err(self.nonsense("both users of the access key have a pair"))
    }

    /// Creates a user together with its pair. The pair allows nothing until the user has a policy.
    async fn create_user(&self, user: &str) -> Result<KeyPair, UpstreamError> {
        // The user may exist without a pair.
        self.remove_user(user).await?;
        let parameters = [("display-name", user), ("max-buckets", "-1")];
        let answer = self.user_request(Method::PUT, user, &parameters).await?;
        if answer.status != StatusCode::OK {
            return Err(self.admin_api.status_error("PUT user", &answer));
        }
        let pair = self.parse(&answer.body)?.keys.into_iter().next();
        pair.and_then(|pair| whole(pair.access_key, pair.secret_key))
            .ok_or_else(|| self.nonsense("the answer has no key pair, or half of one"))
    }

    async fn put_policy(&self, user: &str, policy: &AccessKeyPolicy) -> Result<(), UpstreamError> {
        self.admin
            .iam
            .put_user_policy()
            .user_name(user)
            .policy_name(POLICY)
            .policy_document(policy.as_str())
            .send()
            .await
            .map_err(|error| describe("PutUserPolicy", &error))?;
        Ok(())
    }

    async fn remove_user(&self, user: &str) -> Result<(), UpstreamError> {
        let answer = self.user_request(Method::DELETE, user, &[]).await?;
        if answer.status.is_success() || answer.is_not_found(NO_SUCH_USER) {
            return Ok(());
        }
        Err(self.admin_api.status_error("DELETE user", &answer))
    }

    fn parse(&self, body: &[u8]) -> Result<User, UpstreamError> {
        serde_json::from_slice(body).map_err(|_| self.nonsense("cannot parse the answer"))
    }

    fn nonsense(&self, what: &str) -> UpstreamError {
        self.admin_api.error(UpstreamErrorKind::Nonsense, what)
    }
}

#[async_trait]
impl AccessKeyBroker for CephBroker {
    fn loopholes(&self) -> Loopholes {
        Loopholes {
            writers_own_objects: true,
            ..Loopholes::NONE
        }
    }

    async fn issue(
        &self,
        key: &AccessKeyId,
        policy: &AccessKeyPolicy,
    ) -> Result<KeyPair, UpstreamError> {
        let user = self.free_user(key).await?;
        let pair = self.create_user(&user).await?;
        self.put_policy(&user, policy).await?;
        Ok(pair)
    }

    async fn pairs(&self, key: &AccessKeyId) -> Result<Vec<String>, UpstreamError> {
        let mut pairs = Vec::new();
        for user in self.users(key) {
            pairs.append(&mut self.pairs_of(&user).await?);
        }
        Ok(pairs)
    }

    async fn withdraw(&self, key: &AccessKeyId, pair: &str) -> Result<(), UpstreamError> {
        for user in self.users(key) {
            if self.pairs_of(&user).await?.iter().any(|id| id == pair) {
                self.remove_user(&user).await?;
            }
        }
        Ok(())
    }

    async fn remove(&self, key: &AccessKeyId) -> Result<(), UpstreamError> {
        for user in self.users(key) {
            self.remove_user(&user).await?;
        }
        Ok(())
    }

    async fn works(
        &self,
        pair: &KeyPair,
        bucket: Option<&BucketName>,
    ) -> Result<bool, UpstreamError> {
        self.store
            .accepts(pair, bucket, UnknownKeyError::AccessDenied)
            .await
    }
}
