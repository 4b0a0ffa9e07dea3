use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded;

use crate::domain::{AccessKeyId, AccessKeyPolicy, BucketName, KeyPair, Loopholes};
use crate::service::{AccessKeyBroker, UpstreamError, UpstreamErrorKind};

use super::admin_api::{AdminApi, Answer};
use super::minio_crypto::{CannotAsk, decrypt_aside, encrypt_aside, random_hex};
use super::pair::Strangers;
use crate::adapters::aws::{AuthoritiesError, AwsClients};

/// `MinIO` takes up to 20 characters for an access key and 40 for a secret.
const ACCESS_KEY_BYTES: usize = 9;
const ACCESS_KEY_PREFIX: &str = "CK";
const SECRET_KEY_BYTES: usize = 20;

const NO_SUCH_USER: &str = "XMinioAdminNoSuchUser";
const NO_SUCH_POLICY: &str = "XMinioAdminNoSuchPolicy";

/// Access keys by `MinIO`'s admin API: a policy for each key, and a user for each of its pairs.
pub struct MinioBroker {
    admin_api: AdminApi,
    store: AwsClients,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entities {
    policy_mappings: Option<Vec<Mapping>>,
}

#[derive(Deserialize)]
struct Mapping {
    users: Option<Vec<String>>,
}

impl MinioBroker {
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
            admin_api: AdminApi::new("MinIO's admin API", admin, deployment)?,
            store: store.clone(),
        })
    }

    async fn ask(
        &self,
        (method, path): (Method, &str),
        parameters: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, UpstreamError> {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .finish();
        let path = format!("/minio/admin/v3/{path}?{query}");
        self.admin_api.ask(method, &path, body).await
    }

    /// What has no answer worth reading. A removal may find that there is nothing.
    async fn tell(
        &self,
        what: (Method, &str),
        parameters: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<(), UpstreamError> {
        let (path, is_removal) = (what.1, what.0 == Method::DELETE);
        let answer = self.ask(what, parameters, body).await?;
        let is_gone = answer.says(NO_SUCH_USER) || answer.says(NO_SUCH_POLICY);
        if answer.status.is_success() || (is_removal && is_gone) {
            Ok(())
        } else {
            Err(self.admin_api.refused(path, &answer))
        }
    }

    async fn remove_user(&self, user: &str) -> Result<(), UpstreamError> {
        let what = (Method::DELETE, "remove-user");
        self.tell(what, &[("accessKey", user)], Vec::new()).await
    }

    async fn attach(&self, policy: &str, user: &str) -> Result<(), UpstreamError> {
        let parameters = [
            ("policyName", policy),
            ("userOrGroup", user),
            ("isGroup", "false"),
        ];
        let what = (Method::PUT, "set-user-or-group-policy");
        self.tell(what, &parameters, Vec::new()).await
    }
}

#[async_trait]
impl AccessKeyBroker for MinioBroker {
    fn loopholes(&self) -> Loopholes {
        Loopholes {
            holders_administer: true,
            ..Loopholes::NONE
        }
    }

    async fn issue(
        &self,
        key: &AccessKeyId,
        policy: &AccessKeyPolicy,
    ) -> Result<KeyPair, UpstreamError> {
        let name = self.admin_api.name_of(key);
        let document = policy.as_str().as_bytes().to_vec();
        let what = (Method::PUT, "add-canned-policy");
        self.tell(what, &[("name", &name)], document).await?;
        let random = random_hex(ACCESS_KEY_BYTES)?.to_uppercase();
        let user = format!("{ACCESS_KEY_PREFIX}{random}");
        let secret = random_hex(SECRET_KEY_BYTES)?;
        let request = json!({ "secretKey": secret, "status": "enabled" }).to_string();
        let by = self.admin_api.credentials();
        let body = encrypt_aside(request.into_bytes(), by.secret_access_key()).await?;
        self.tell((Method::PUT, "add-user"), &[("accessKey", &user)], body)
            .await?;
        if let Err(failure) = self.attach(&name, &user).await {
            // Without a policy it opens nothing, and nobody would find it again.
            self.remove_user(&user).await?;
            return Err(failure);
        }
        Ok(KeyPair {
            access_key_id: user,
            secret_access_key: secret.into(),
        })
    }

    async fn pairs(&self, key: &AccessKeyId) -> Result<Vec<String>, UpstreamError> {
        let policy = self.admin_api.name_of(key);
        let what = (Method::GET, "idp/builtin/policy-entities");
        // Under the secret that the request is signed with, which may be replaced meanwhile.
        let by = self.admin_api.credentials();
        let answer = self.ask(what, &[("policy", &policy)], Vec::new()).await?;
        if answer.says(NO_SUCH_POLICY) {
            return Ok(Vec::new());
        }
        if answer.status != StatusCode::OK {
            return Err(self.admin_api.refused("policy-entities", &answer));
        }
        let body = decrypt_aside(answer.body, by.secret_access_key()).await?;
        let entities: Entities = serde_json::from_slice(&body)
            .map_err(|_| CannotAsk("policy-entities: an answer of another form"))?;
        let mappings = entities.policy_mappings.into_iter().flatten();
        let users = mappings.flat_map(|mapping| mapping.users.into_iter().flatten());
        // An operator may have given the policy to somebody else, who is not ours to remove.
        Ok(users.filter(|user| is_ours(user)).collect())
    }

    async fn withdraw(&self, _: &AccessKeyId, pair: &str) -> Result<(), UpstreamError> {
        self.remove_user(pair).await
    }

    async fn remove(&self, key: &AccessKeyId) -> Result<(), UpstreamError> {
        for pair in self.pairs(key).await? {
            self.remove_user(&pair).await?;
        }
        let what = (Method::DELETE, "remove-canned-policy");
        let name = self.admin_api.name_of(key);
        self.tell(what, &[("name", &name)], Vec::new()).await
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

/// Whether a user is one of those that are made here.
fn is_ours(user: &str) -> bool {
    let random = user.strip_prefix(ACCESS_KEY_PREFIX);
    random.is_some_and(|random| {
        random.len() == 2 * ACCESS_KEY_BYTES && random.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

impl From<CannotAsk> for UpstreamError {
    fn from(error: CannotAsk) -> Self {
        Self::new(
            UpstreamErrorKind::Nonsense,
            format!("MinIO's admin API: {error}"),
        )
    }
}
