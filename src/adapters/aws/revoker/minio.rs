//! `MinIO`'s admin API for sessions that were opened with the same `TokenRevokeType`.

use std::time::Duration;

use reqwest::{Method, StatusCode};

use crate::domain::OwnerPseudonym;
use crate::service::{Told, UpstreamError};

use crate::adapters::aws::brokers::admin_api::AdminApi;
use crate::adapters::aws::{AuthoritiesError, AwsClients};

/// Revokes by the type, which is the owner's pseudonym, with the gateway's own key pair.
pub(super) struct MinioTokens {
    api: AdminApi,
}

impl MinioTokens {
    pub(super) fn new(clients: &AwsClients) -> Result<Self, AuthoritiesError> {
        let api = AdminApi::new("MinIO admin API", clients, "")?;
        Ok(Self { api })
    }

    pub(super) async fn revoke(&self, owner: &OwnerPseudonym) -> Result<Told, UpstreamError> {
        let user = self.api.credentials();
        let user: String =
            url::form_urlencoded::byte_serialize(user.access_key_id().as_bytes()).collect();
        let path =
            format!("/minio/admin/v3/revoke-tokens/builtin?user={user}&tokenRevokeType={owner}");
        let answer = self.api.send(Method::POST, &path, Vec::new()).await?;
        match answer.status {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(Told::Yes {
                pause: Duration::ZERO,
                all: true,
            }),
            StatusCode::NOT_FOUND | StatusCode::UPGRADE_REQUIRED => {
                Ok(Told::No("this MinIO is older than RELEASE.2025-04-03"))
            }
            _ => Err(self.api.status_error("revoke-tokens", &answer)),
        }
    }
}
