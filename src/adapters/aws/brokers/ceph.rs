use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::form_urlencoded;

use crate::domain::{AccessKeyId, AccessKeyPolicy, BucketName, KeyPair, Loopholes};
use crate::service::{AccessKeyBroker, UpstreamError, UpstreamErrorKind};

use super::admin_api::{AdminApi, Answer};
use super::pair::Strangers;
use crate::adapters::aws::failure::describe;
use crate::adapters::aws::{AuthoritiesError, AwsClients};

/// The one inline policy of a pair's user.
const POLICY: &str = "cloakroom";

const NO_SUCH: &str = "NoSuchUser";

/// A key's users, of which one is the current pair's and the other the next one's.
const SLOTS: [&str; 2] = ["a", "b"];

/// Access keys by Ceph RGW: a user for each pair, which may make no bucket, by the Admin Ops API
/// (caps `users=*`), and its policy by IAM (caps `user-policy=*`). A pair lives and dies with its
/// user, since RGW 16 drops a user's policies whenever one of its keys is made or ended.
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
    /// As the administrator of `admin`, for keys to the store of `store`.
    ///
    /// # Errors
    ///
    /// [`AuthoritiesError`] when the certificate authorities cannot be used, or there is no endpoint or no
    /// identity.
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
        SLOTS.map(|slot| format!("{}-{slot}", self.admin_api.name_of(key)))
    }

    /// Asks about a user; all that can be asked has `uid` and no body.
    async fn ask(
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
        self.admin_api.ask(method, &path, Vec::new()).await
    }

    async fn pairs_of(&self, user: &str) -> Result<Vec<String>, UpstreamError> {
        let answer = self.ask(Method::GET, user, &[]).await?;
        if answer.status == StatusCode::OK {
            let keys = self.read(&answer.body)?.keys.into_iter();
            return Ok(keys.map(|key| key.access_key).collect());
        }
        if answer.says(NO_SUCH) {
            return Ok(Vec::new());
        }
        Err(self.admin_api.refused("looking at a user", &answer))
    }

    async fn free_user(&self, key: &AccessKeyId) -> Result<String, UpstreamError> {
        for user in self.users(key) {
            if self.pairs_of(&user).await?.is_empty() {
                return Ok(user);
            }
        }
        Err(self.nonsense("both users of the key have pairs"))
    }

    /// The pair is made with the user, and opens nothing before there is a policy.
    async fn make_user(&self, user: &str) -> Result<KeyPair, UpstreamError> {
        // One without a pair may be there.
        self.remove_user(user).await?;
        let parameters = [("display-name", user), ("max-buckets", "-1")];
        let answer = self.ask(Method::PUT, user, &parameters).await?;
        if answer.status != StatusCode::OK {
            return Err(self.admin_api.refused("making a user", &answer));
        }
        let pair = self.read(&answer.body)?.keys.into_iter().next();
        let pair = pair.ok_or_else(|| self.nonsense("no pair in the answer"))?;
        Ok(KeyPair {
            access_key_id: pair.access_key,
            secret_access_key: pair.secret_key.into(),
        })
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
        let answer = self.ask(Method::DELETE, user, &[]).await?;
        if answer.status.is_success() || answer.says(NO_SUCH) {
            return Ok(());
        }
        Err(self.admin_api.refused("removing a user", &answer))
    }

    fn read(&self, body: &[u8]) -> Result<User, UpstreamError> {
        serde_json::from_slice(body).map_err(|_| self.nonsense("an answer of another form"))
    }

    fn nonsense(&self, what: &str) -> UpstreamError {
        self.admin_api.failed(UpstreamErrorKind::Nonsense, what)
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
        let pair = self.make_user(&user).await?;
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
            if self.pairs_of(&user).await?.iter().any(|one| one == pair) {
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
        self.store.accepts(pair, bucket, Strangers::AreDenied).await
    }
}
