use std::sync::Arc;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use openidconnect::{AuthType, ClientSecret};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::adapters::{Current, Derived};

/// How long an assertion is valid, in seconds.
const ASSERTION_LIFETIME: i64 = 60;

/// How the gateway authenticates to the authorization server (`OpenID Connect Core 1.0` section 9).
#[derive(Clone, Debug)]
pub enum ClientAuthentication {
    /// The secret in the Authorization header (HTTP Basic).
    SecretBasic(Current<SecretString>),
    /// The secret in the body.
    SecretPost(Current<SecretString>),
    /// A signed assertion (RFC 7523), which sends no secret.
    PrivateKeyJwt(PrivateKey),
}

/// The private key that signs assertions.
#[derive(Clone, Debug)]
pub struct PrivateKey {
    key: Arc<Derived<SecretString, (Algorithm, EncodingKey), PrivateKeyError>>,
    key_id: Option<String>,
}

/// The key cannot sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    /// Not a PEM, or a kind of key that the gateway does not support.
    #[error("must be a private key in PEM (PKCS #8): RSA, P-256, P-384 or Ed25519")]
    Unusable,
}

impl ClientAuthentication {
    pub(super) fn auth_type(&self) -> AuthType {
        match self {
            Self::SecretBasic(_) => AuthType::BasicAuth,
            Self::SecretPost(_) | Self::PrivateKeyJwt(_) => AuthType::RequestBody,
        }
    }

    pub(super) fn secret(&self) -> Option<ClientSecret> {
        match self {
            Self::SecretBasic(secret) | Self::SecretPost(secret) => Some(ClientSecret::new(
                secret.borrow().expose_secret().to_owned(),
            )),
            Self::PrivateKeyJwt(_) => None,
        }
    }
}

impl PrivateKey {
    /// Reads a PKCS #8 key in PEM: RSA, P-256, P-384 or Ed25519. `key_id` is the `kid` under which the
    /// authorization server knows the key, if it requires one.
    ///
    /// # Errors
    ///
    /// [`PrivateKeyError`] if the key cannot sign.
    pub fn new(
        pem: Current<SecretString>,
        key_id: Option<String>,
    ) -> Result<Self, PrivateKeyError> {
        let key = Arc::new(Derived::new(pem, signing_key)?);
        Ok(Self { key, key_id })
    }

    /// Checks that a PEM contains a key that can sign.
    ///
    /// # Errors
    ///
    /// [`PrivateKeyError`] if it does not.
    pub fn check(pem: &SecretString) -> Result<(), PrivateKeyError> {
        signing_key(pem).map(|_| ())
    }

    /// An assertion by RFC 7523 section 3, with the issuer as its only audience.
    pub(super) fn assertion(
        &self,
        client_id: &str,
        issuer: &str,
        now: DateTime<Utc>,
        random: [u8; 16],
    ) -> Result<String, PrivateKeyError> {
        let (algorithm, key) = self.key.get();
        let mut header = Header::new(algorithm);
        header.kid.clone_from(&self.key_id);
        let now = now.timestamp();
        let claims = json!({
            "iss": client_id,
            "sub": client_id,
            "aud": issuer,
            "iat": now,
            "exp": now + ASSERTION_LIFETIME,
            "jti": hex::encode(random),
        });
        jsonwebtoken::encode(&header, &claims, &key).map_err(|_| PrivateKeyError::Unusable)
    }
}

/// The key and its algorithm: the first one with which the key can sign.
fn signing_key(pem: &SecretString) -> Result<(Algorithm, EncodingKey), PrivateKeyError> {
    let pem = pem.expose_secret().as_bytes();
    let rsa = || EncodingKey::from_rsa_pem(pem);
    let ec = || EncodingKey::from_ec_pem(pem);
    let ed = || EncodingKey::from_ed_pem(pem);
    let candidates = [
        (Algorithm::RS256, rsa()),
        (Algorithm::ES256, ec()),
        (Algorithm::ES384, ec()),
        (Algorithm::EdDSA, ed()),
    ];
    candidates
        .into_iter()
        .filter_map(|(algorithm, key)| Some((algorithm, key.ok()?)))
        .find(|(algorithm, key)| {
            jsonwebtoken::encode(&Header::new(*algorithm), &json!({}), key).is_ok()
        })
        .ok_or(PrivateKeyError::Unusable)
}
