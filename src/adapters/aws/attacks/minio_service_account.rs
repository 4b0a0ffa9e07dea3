//! CVE-2025-62506: a session creates a service account at `MinIO`'s admin API, and the session's policy
//! does not apply to it.

use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::domain::Session;
use crate::service::UpstreamError;
use crate::service::doctor::Attempt;

use crate::adapters::aws::brokers::minio::new_key_pair;
use crate::adapters::aws::brokers::minio_crypto::encrypt_async;
use crate::adapters::aws::client::credentials;
use crate::adapters::aws::signed::SignedHttp;

/// The admin API of a store.
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

    /// Tries to create a service account, and deletes it if that succeeds.
    pub(in crate::adapters::aws) async fn create_service_account(
        &self,
        session: &Session,
    ) -> Attempt {
        match self.try_to_create(session).await {
            Ok((StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _)) => Attempt::Refused,
            Ok((StatusCode::OK, access_key)) => self.delete(session, &access_key).await,
            Ok((status, _)) => Attempt::Unclear(format!("add-service-account: HTTP {status}")),
            Err(error) => Attempt::Unclear(format!("add-service-account: {}", error.cause)),
        }
    }

    async fn try_to_create(
        &self,
        session: &Session,
    ) -> Result<(StatusCode, String), UpstreamError> {
        let pair = new_key_pair()?;
        let request = json!({
            "accessKey": pair.access_key_id,
            "secretKey": pair.secret_access_key.expose_secret(),
            "name": "cloakroom doctor",
        });
        let secret = session.secret_access_key.expose_secret();
        let body = encrypt_async(request.to_string().into_bytes(), secret).await?;
        let path = "/minio/admin/v3/add-service-account";
        let status = self.send(Method::PUT, path, body, session).await?;
        Ok((status, pair.access_key_id))
    }

    async fn delete(&self, session: &Session, access_key: &str) -> Attempt {
        let path = format!("/minio/admin/v3/delete-service-account?accessKey={access_key}");
        match self.send(Method::DELETE, &path, Vec::new(), session).await {
            Ok(status) if status.is_success() => Attempt::Done,
            _ => {
                tracing::error!(
                    access_key,
                    "cannot delete the service account that doctor created: delete it with mc admin user svcacct rm"
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
    ) -> Result<StatusCode, UpstreamError> {
        let url = format!("{}{path}", self.endpoint);
        let answer = self.http.send(method, &url, body, credentials(session));
        Ok(answer.await?.0)
    }
}
