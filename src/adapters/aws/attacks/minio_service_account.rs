//! As much of `MinIO`'s admin API as it takes to try CVE-2025-62506: a service account made by a
//! session, which the session's policy does not bind.

use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::domain::Session;
use crate::service::doctor::Attempt;

use crate::adapters::aws::brokers::minio_crypto::{CannotAsk, encrypt_aside, random_hex};
use crate::adapters::aws::client::credentials;
use crate::adapters::aws::signed::SignedHttp;

/// `MinIO` takes 20 characters for an access key and 40 for a secret.
const ACCESS_KEY_BYTES: usize = 10;
const SECRET_KEY_BYTES: usize = 20;

/// The admin API at a store.
pub(in crate::adapters::aws) struct MinioAdmin {
    endpoint: String,
    http: SignedHttp,
}

impl MinioAdmin {
    pub(in crate::adapters::aws) fn new(
        endpoint: &str,
        region: &str,
        http: reqwest::Client,
    ) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            http: SignedHttp::new(http, region),
        }
    }

    /// Tries it, and takes it back where it succeeds.
    pub(in crate::adapters::aws) async fn make_service_account(
        &self,
        session: &Session,
    ) -> Attempt {
        match self.try_to_make(session).await {
            Ok((StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _)) => Attempt::Refused,
            Ok((StatusCode::OK, access_key)) => self.take_back(session, &access_key).await,
            Ok((status, _)) => Attempt::Unclear(format!("add-service-account: HTTP {status}")),
            Err(error) => Attempt::Unclear(format!("add-service-account: {error}")),
        }
    }

    async fn try_to_make(&self, session: &Session) -> Result<(StatusCode, String), CannotAsk> {
        let access_key = random_hex(ACCESS_KEY_BYTES)?;
        let request = json!({
            "accessKey": access_key,
            "secretKey": random_hex(SECRET_KEY_BYTES)?,
            "name": "cloakroom doctor",
        });
        let secret = session.secret_access_key.expose_secret();
        let body = encrypt_aside(request.to_string().into_bytes(), secret).await?;
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
        let by = credentials(session);
        let answer = self.http.send(method, &url, body, by).await;
        answer
            .map(|(status, _)| status)
            .map_err(|_| CannotAsk("no answer"))
    }
}
