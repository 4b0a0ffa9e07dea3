//! Who administers access keys that last where no SDK does it: the APIs of Ceph and `MinIO`.

use aws_sdk_s3::config::Credentials;
use reqwest::{Method, StatusCode};

use crate::adapters::plain_http;
use crate::domain::AccessKeyId;
use crate::service::{FailureKind, UpstreamFailure};

use super::signed::SignedHttp;
use super::{AwsClients, CaError, StaticIdentity};

/// How many characters of the deployment's name are in the names of what is made.
const DEPLOYMENT_CHARS: usize = 8;

pub(super) struct Administrator {
    api: &'static str,
    http: SignedHttp,
    endpoint: String,
    identity: StaticIdentity,
    deployment: String,
}

impl Administrator {
    /// As `admin` is configured, by an API of this name.
    ///
    /// # Errors
    ///
    /// [`CaError`] when the certificate authorities cannot be used, or there is no endpoint or no
    /// identity.
    pub(super) fn new(
        api: &'static str,
        admin: &AwsClients,
        deployment: &str,
    ) -> Result<Self, CaError> {
        let settings = &admin.settings;
        let missing = || CaError("an endpoint and an identity are needed".to_owned());
        let authorities = settings.ca_bundle.borrow().clone();
        let http = plain_http(authorities.as_deref()).map_err(CaError::from)?;
        Ok(Self {
            api,
            http: SignedHttp::new(http, &settings.region),
            endpoint: settings.endpoint.clone().ok_or_else(missing)?,
            identity: settings.identity.clone().ok_or_else(missing)?,
            deployment: deployment.chars().take(DEPLOYMENT_CHARS).collect(),
        })
    }

    /// What belongs to the key is called so.
    pub(super) fn name_of(&self, key: &AccessKeyId) -> String {
        format!("cloakroom-{}-{key}", self.deployment)
    }

    /// Its identity, as it is now.
    pub(super) fn credentials(&self) -> Credentials {
        self.identity.credentials()
    }

    /// Asks, and reads the answer, whatever its status is.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Vec<u8>), UpstreamFailure> {
        let url = format!("{}{path}", self.endpoint);
        let by = self.credentials();
        self.http.send(method, &url, body, by).await
    }

    /// A status that ends it.
    pub(super) fn refused(&self, step: &str, status: StatusCode) -> UpstreamFailure {
        let kind = if status.is_server_error() {
            FailureKind::Unreachable
        } else {
            FailureKind::Refused
        };
        self.failed(kind, &format!("{step}: HTTP {}", status.as_u16()))
    }

    pub(super) fn failed(&self, kind: FailureKind, what: &str) -> UpstreamFailure {
        UpstreamFailure::new(kind, format!("{}: {what}", self.api))
    }
}
