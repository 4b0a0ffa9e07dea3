//! As much of `MinIO`'s admin API as it takes to try CVE-2025-62506: a service account made by a
//! session, which the session's policy does not bind.

use std::time::{Duration, SystemTime};

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_sdk_s3::config::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::domain::Session;
use crate::service::doctor::Attempt;

const TIMEOUT: Duration = Duration::from_secs(10);

/// `MinIO` takes 20 characters for an access key and 40 for a secret.
const ACCESS_KEY_BYTES: usize = 10;
const SECRET_KEY_BYTES: usize = 20;

const SALT_BYTES: usize = 32;
const NONCE_BYTES: usize = 8;

/// `MinIO`'s id for AES-256-GCM under an Argon2id key.
const ARGON2ID_AES_GCM: u8 = 0;

/// Says of a chunk that it is the last.
const LAST: u8 = 0x80;

/// The admin API at a store.
pub(super) struct MinioAdmin {
    endpoint: String,
    region: String,
    http: reqwest::Client,
}

/// The request could not even be made.
#[derive(Debug, thiserror::Error)]
#[error("add-service-account: {0}")]
struct CannotAsk(&'static str);

impl MinioAdmin {
    pub(super) fn new(endpoint: &str, region: &str, http: reqwest::Client) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            region: region.to_owned(),
            http,
        }
    }

    /// Tries it, and takes it back where it succeeds.
    pub(super) async fn make_service_account(&self, session: &Session) -> Attempt {
        match self.try_to_make(session).await {
            Ok((StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _)) => Attempt::Refused,
            Ok((StatusCode::OK, access_key)) => self.take_back(session, &access_key).await,
            Ok((status, _)) => Attempt::Unclear(format!("add-service-account: HTTP {status}")),
            Err(error) => Attempt::Unclear(error.to_string()),
        }
    }

    async fn try_to_make(&self, session: &Session) -> Result<(StatusCode, String), CannotAsk> {
        let access_key = random_hex(ACCESS_KEY_BYTES)?;
        let wish = json!({
            "accessKey": access_key,
            "secretKey": random_hex(SECRET_KEY_BYTES)?,
            "name": "cloakroom doctor",
        });
        let secret = session.secret_access_key.expose_secret();
        let body = encrypt(wish.to_string().as_bytes(), secret)?;
        let path = "/minio/admin/v3/add-service-account";
        let status = self.send(Method::PUT, path, body, session).await?;
        Ok((status, access_key))
    }

    async fn take_back(&self, session: &Session, access_key: &str) -> Attempt {
        let path = format!("/minio/admin/v3/delete-service-account?accessKey={access_key}");
        match self.send(Method::DELETE, &path, Vec::new(), session).await {
            Ok(status) if status.is_success() => Attempt::Done,
            _ => {
                tracing::error!(
                    access_key,
                    "a service account was made and could not be removed: remove it by hand"
                );
                Attempt::Done
            }
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        session: &Session,
    ) -> Result<StatusCode, CannotAsk> {
        let url = format!("{}{path}", self.endpoint);
        let headers = self.signature(&method, &url, &body, session)?;
        let mut request = self.http.request(method, url).body(body).timeout(TIMEOUT);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send().await;
        answer
            .map(|answer| answer.status())
            .map_err(|_| CannotAsk("no answer"))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a signature is checked against the store's clock, not the port's"
    )]
    fn signature(
        &self,
        method: &Method,
        url: &str,
        body: &[u8],
        session: &Session,
    ) -> Result<Vec<(String, String)>, CannotAsk> {
        let identity = Credentials::builder()
            .access_key_id(&session.access_key_id)
            .secret_access_key(session.secret_access_key.expose_secret())
            .session_token(session.session_token.expose_secret())
            .provider_name("cloakroom doctor")
            .build()
            .into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .map_err(|_| CannotAsk("it cannot be signed"))?;
        let request = SignableRequest::new(
            method.as_str(),
            url,
            [].into_iter(),
            SignableBody::Bytes(body),
        )
        .map_err(|_| CannotAsk("it cannot be signed"))?;
        let (signed, _) = sign(request, &parameters.into())
            .map_err(|_| CannotAsk("it cannot be signed"))?
            .into_parts();
        let (headers, _) = signed.into_parts();
        let headers = headers
            .iter()
            .map(|header| (header.name().to_owned(), header.value().to_owned()));
        Ok(headers.collect())
    }
}

/// `MinIO`'s body format: salt, cipher, nonce, then one chunk, sealed under an Argon2id key of the
/// caller's secret. What is sent here is far shorter than a chunk.
fn encrypt(message: &[u8], secret: &str) -> Result<Vec<u8>, CannotAsk> {
    let mut salt = [0; SALT_BYTES];
    let mut nonce = [0; NONCE_BYTES];
    fill(&mut salt)?;
    fill(&mut nonce)?;
    seal(message, secret, salt, nonce)
}

fn seal(
    message: &[u8],
    secret: &str,
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
) -> Result<Vec<u8>, CannotAsk> {
    let key = key(secret, &salt)?;
    // The empty message under counter 0 binds the chunks together.
    let mut empty = Vec::new();
    let whole = key
        .seal_in_place_separate_tag(counted(nonce, 0), Aad::empty(), &mut empty)
        .map_err(|_| CannotAsk("it cannot be encrypted"))?;
    let aad = [&[LAST], whole.as_ref()].concat();
    let mut chunk = message.to_vec();
    key.seal_in_place_append_tag(counted(nonce, 1), Aad::from(aad), &mut chunk)
        .map_err(|_| CannotAsk("it cannot be encrypted"))?;
    Ok([&salt[..], &[ARGON2ID_AES_GCM], &nonce, &chunk].concat())
}

fn key(secret: &str, salt: &[u8]) -> Result<LessSafeKey, CannotAsk> {
    const MEMORY_KIB: u32 = 64 * 1024;
    const PASSES: u32 = 1;
    const LANES: u32 = 4;
    let mut key = [0; 32];
    let parameters = Params::new(MEMORY_KIB, PASSES, LANES, Some(key.len()))
        .map_err(|_| CannotAsk("no key can be derived"))?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(secret.as_bytes(), salt, &mut key)
        .map_err(|_| CannotAsk("no key can be derived"))?;
    UnboundKey::new(&AES_256_GCM, &key)
        .map(LessSafeKey::new)
        .map_err(|_| CannotAsk("no key can be derived"))
}

fn counted(nonce: [u8; NONCE_BYTES], counter: u32) -> Nonce {
    let mut whole = [0; 12];
    let (front, back) = whole.split_at_mut(NONCE_BYTES);
    front.copy_from_slice(&nonce);
    back.copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(whole)
}

fn random_hex(bytes: usize) -> Result<String, CannotAsk> {
    let mut buffer = vec![0; bytes];
    fill(&mut buffer)?;
    Ok(hex::encode(buffer))
}

fn fill(buffer: &mut [u8]) -> Result<(), CannotAsk> {
    aws_lc_rs::rand::fill(buffer).map_err(|_| CannotAsk("no randomness"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `PyPI`'s `minio.crypto` (7.2.20) writes for this salt and nonce.
    #[test]
    fn the_body_is_what_minios_own_client_writes() {
        let sealed = seal(b"{\"a\":1}", "secret", [7; SALT_BYTES], [9; NONCE_BYTES]).unwrap();
        assert_eq!(hex::encode(sealed), EXPECTED);
    }

    const EXPECTED: &str = "0707070707070707070707070707070707070707070707070707070707070707000909090909090909422b9846327b926ea323d457e7d150df56b747d742f7b4";
}
