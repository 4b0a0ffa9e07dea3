use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded;

use crate::domain::{AccessKeyId, AccessKeyPolicy, BucketName, KeyPair, Loopholes};
use crate::service::{AccessKeyBroker, UpstreamError, UpstreamErrorKind};

use super::admin_api::{AdminApi, Answer};
use super::minio_crypto::{MinioCryptoError, decrypt_async, encrypt_async, random_hex};
use super::pair::UnknownKeyError;
use crate::adapters::aws::{AuthoritiesError, AwsClients};

/// `MinIO` takes up to 20 characters for an access key id and 40 for a secret.
const KEY_ID_BYTES: usize = 9;
const KEY_ID_PREFIX: &str = "CK";
const SECRET_BYTES: usize = 20;

const NO_SUCH_USER: &str = "XMinioAdminNoSuchUser";
const NO_SUCH_POLICY: &str = "XMinioAdminNoSuchPolicy";

/// Creates access keys with `MinIO`'s admin API: a policy for each key, and a user for each of its pairs.
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
            admin_api: AdminApi::new("MinIO's admin API", admin, deployment)?,
            store: store.clone(),
        })
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        parameters: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, UpstreamError> {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .finish();
        let path = format!("/minio/admin/v3/{path}?{query}");
        self.admin_api.send(method, &path, body).await
    }

    /// Sends a request whose answer has no content. Deleting something that does not exist succeeds.
    async fn change(
        &self,
        method: Method,
        path: &str,
        parameters: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<(), UpstreamError> {
        let is_removal = method == Method::DELETE;
        let answer = self.request(method, path, parameters, body).await?;
        let is_gone = answer.is_not_found(NO_SUCH_USER) || answer.is_not_found(NO_SUCH_POLICY);
        if answer.status.is_success() || (is_removal && is_gone) {
            Ok(())
        } else {
            Err(self.admin_api.status_error(path, &answer))
        }
    }

    async fn remove_user(&self, user: &str) -> Result<(), UpstreamError> {
        let parameters = [("accessKey", user)];
        self.change(Method::DELETE, "remove-user", &parameters, Vec::new())
            .await
    }

    async fn attach(&self, policy: &str, user: &str) -> Result<(), UpstreamError> {
        let parameters = [
            ("policyName", policy),
            ("userOrGroup", user),
            ("isGroup", "false"),
        ];
        let path = "set-user-or-group-policy";
        self.change(Method::PUT, path, &parameters, Vec::new())
            .await
    }
}

#[async_trait]
impl AccessKeyBroker for MinioBroker {
    fn loopholes(&self) -> Loopholes {
        Loopholes {
            users_administer: true,
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
        let path = "add-canned-policy";
        self.change(Method::PUT, path, &[("name", &name)], document)
            .await?;
        let pair = new_key_pair()?;
        let user = &pair.access_key_id;
        let secret = pair.secret_access_key.expose_secret();
        let request = json!({ "secretKey": secret, "status": "enabled" }).to_string();
        let admin = self.admin_api.credentials();
        let body = encrypt_async(request.into_bytes(), admin.secret_access_key()).await?;
        let made = async {
            self.change(Method::PUT, "add-user", &[("accessKey", user)], body)
                .await?;
            self.attach(&name, user).await
        };
        if let Err(error) = made.await {
            // The user may exist even if the answer was lost, and `pairs` finds users only by their policy.
            if let Err(failure) = self.remove_user(user).await {
                tracing::warn!(user, cause = %failure, "cannot remove a user that has no rights");
            }
            return Err(error);
        }
        Ok(pair)
    }

    async fn pairs(&self, key: &AccessKeyId) -> Result<Vec<String>, UpstreamError> {
        let policy = self.admin_api.name_of(key);
        let path = "idp/builtin/policy-entities";
        // MinIO encrypts the answer under the secret that signed the request, and the operator may
        // replace the secret before the answer arrives.
        let admin = self.admin_api.credentials();
        let answer = self
            .request(Method::GET, path, &[("policy", &policy)], Vec::new())
            .await?;
        if answer.is_not_found(NO_SUCH_POLICY) {
            return Ok(Vec::new());
        }
        if answer.status != StatusCode::OK {
            return Err(self.admin_api.status_error("policy-entities", &answer));
        }
        let body = decrypt_async(answer.body, admin.secret_access_key()).await?;
        let entities: Entities = serde_json::from_slice(&body).map_err(|_| {
            let cause = "policy-entities: cannot parse the answer";
            self.admin_api.error(UpstreamErrorKind::Nonsense, cause)
        })?;
        let mappings = entities.policy_mappings.into_iter().flatten();
        let users = mappings.flat_map(|mapping| mapping.users.into_iter().flatten());
        // An operator may have attached the policy to other users, which stay.
        Ok(users.filter(|user| is_broker_user(user)).collect())
    }

    async fn withdraw(&self, _: &AccessKeyId, pair: &str) -> Result<(), UpstreamError> {
        self.remove_user(pair).await
    }

    async fn remove(&self, key: &AccessKeyId) -> Result<(), UpstreamError> {
        for pair in self.pairs(key).await? {
            self.remove_user(&pair).await?;
        }
        let path = "remove-canned-policy";
        let name = self.admin_api.name_of(key);
        self.change(Method::DELETE, path, &[("name", &name)], Vec::new())
            .await
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

/// A random key pair of the form that the broker gives its users.
pub(in crate::adapters::aws) fn new_key_pair() -> Result<KeyPair, MinioCryptoError> {
    let random = random_hex(KEY_ID_BYTES)?.to_uppercase();
    Ok(KeyPair {
        access_key_id: format!("{KEY_ID_PREFIX}{random}"),
        secret_access_key: random_hex(SECRET_BYTES)?.into(),
    })
}

/// Whether the broker has made this user, by the form of its name.
fn is_broker_user(user: &str) -> bool {
    let random = user.strip_prefix(KEY_ID_PREFIX);
    random.is_some_and(|random| {
        random.len() == 2 * KEY_ID_BYTES && random.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

impl From<MinioCryptoError> for UpstreamError {
    fn from(error: MinioCryptoError) -> Self {
        Self::new(
            UpstreamErrorKind::Nonsense,
            format!("MinIO's admin API: {error}"),
        )
    }
}
