//! Who administers access keys that last where no SDK does it: the APIs of Ceph and `MinIO`.

use aws_sdk_s3::config::Credentials;
use reqwest::{Method, StatusCode};

use serde::Deserialize;

use crate::adapters::{Derived, plain_http};
use crate::domain::AccessKeyId;
use crate::service::{UpstreamError, UpstreamErrorKind};

use crate::adapters::aws::signed::SignedHttp;
use crate::adapters::aws::{AuthoritiesError, AwsClients, StaticIdentity};

/// How many characters of the deployment's name are in the names of what is made.
const DEPLOYMENT_CHARS: usize = 8;

/// What an API has answered.
pub(in crate::adapters::aws) struct Answer {
    pub(in crate::adapters::aws) status: StatusCode,
    pub(in crate::adapters::aws) body: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Complaint {
    code: String,
}

pub(in crate::adapters::aws) struct AdminApi {
    api: &'static str,
    http: Derived<Option<Vec<u8>>, reqwest::Client, AuthoritiesError>,
    region: String,
    endpoint: String,
    identity: StaticIdentity,
    deployment: String,
}

impl AdminApi {
    /// As `admin` is configured, by an API of this name.
    ///
    /// # Errors
    ///
    /// [`AuthoritiesError`] when the certificate authorities cannot be used, or there is no endpoint or no
    /// identity.
    pub(in crate::adapters::aws) fn new(
        api: &'static str,
        admin: &AwsClients,
        deployment: &str,
    ) -> Result<Self, AuthoritiesError> {
        let settings = &admin.settings;
        let missing = || AuthoritiesError("an endpoint and an identity are needed".to_owned());
        let http = Derived::new(settings.ca_bundle.clone(), |authorities| {
            plain_http(authorities.as_deref()).map_err(AuthoritiesError::from)
        })?;
        Ok(Self {
            api,
            http,
            region: settings.region.clone(),
            endpoint: settings.endpoint.clone().ok_or_else(missing)?,
            identity: settings.identity.clone().ok_or_else(missing)?,
            deployment: deployment.chars().take(DEPLOYMENT_CHARS).collect(),
        })
    }

    /// What belongs to the key is called so.
    pub(in crate::adapters::aws) fn name_of(&self, key: &AccessKeyId) -> String {
        format!("cloakroom-{}-{key}", self.deployment)
    }

    /// Its identity, as it is now.
    pub(in crate::adapters::aws) fn credentials(&self) -> Credentials {
        self.identity.credentials()
    }

    /// Asks, and reads the answer, whatever its status is.
    pub(in crate::adapters::aws) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Answer, UpstreamError> {
        let url = format!("{}{path}", self.endpoint);
        let by = self.credentials();
        let http = SignedHttp::new(self.http.get(), &self.region);
        let sent = http.send(method, &url, body, by).await;
        let (status, body) = sent.map_err(|failure| self.failed(failure.kind, &failure.cause))?;
        Ok(Answer { status, body })
    }

    /// An answer that ends it.
    pub(in crate::adapters::aws) fn refused(&self, step: &str, answer: &Answer) -> UpstreamError {
        let kind = if answer.status.is_server_error() {
            UpstreamErrorKind::Unreachable
        } else {
            UpstreamErrorKind::Refused
        };
        let status = answer.status.as_u16();
        self.failed(kind, &format!("{step}: HTTP {status}"))
    }

    pub(in crate::adapters::aws) fn failed(
        &self,
        kind: UpstreamErrorKind,
        what: &str,
    ) -> UpstreamError {
        UpstreamError::new(kind, format!("{}: {what}", self.api))
    }
}

impl Answer {
    /// Whether it says that what was asked about is not there. A 404 alone does not: it may be a
    /// proxy's, or an API's that is switched off, and then nothing is known to be gone.
    pub(in crate::adapters::aws) fn says(&self, code: &str) -> bool {
        let complaint = serde_json::from_slice::<Complaint>(&self.body);
        self.status == StatusCode::NOT_FOUND && complaint.is_ok_and(|said| said.code == code)
    }
}
