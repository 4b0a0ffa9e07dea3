//! The client for the administrative APIs of Ceph and `MinIO`, which create access keys.

use aws_sdk_s3::config::Credentials;
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use crate::adapters::{CallFailure, Derived, Upstream, UpstreamCalls, plain_http};
use crate::domain::AccessKeyId;
use crate::service::{UpstreamError, UpstreamErrorKind};

use crate::adapters::aws::signed::SignedHttp;
use crate::adapters::aws::{AuthoritiesError, AwsClients, StaticIdentity};

/// The number of characters of the deployment's name that are part of users' names.
const DEPLOYMENT_CHARS: usize = 8;

/// An API's answer.
pub(in crate::adapters::aws) struct Answer {
    pub(in crate::adapters::aws) status: StatusCode,
    pub(in crate::adapters::aws) body: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody {
    code: String,
}

/// Sends signed requests to one API.
pub(in crate::adapters::aws) struct AdminApi {
    api: &'static str,
    http: Derived<Option<Vec<u8>>, reqwest::Client, AuthoritiesError>,
    region: String,
    endpoint: String,
    identity: StaticIdentity,
    deployment: String,
    calls: UpstreamCalls,
}

impl AdminApi {
    /// Uses the endpoint and key pair of `admin`; `api` names the API in errors.
    ///
    /// # Errors
    ///
    /// [`AuthoritiesError`] if the certificate authorities are unusable, or the endpoint or the key
    /// pair is missing.
    pub(in crate::adapters::aws) fn new(
        api: &'static str,
        admin: &AwsClients,
        deployment: &str,
    ) -> Result<Self, AuthoritiesError> {
        let settings = &admin.settings;
        let missing = || AuthoritiesError("the endpoint or the key pair is missing".to_owned());
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
            calls: settings.calls.clone(),
        })
    }

    /// The name of everything the broker makes for this key.
    pub(in crate::adapters::aws) fn name_of(&self, key: &AccessKeyId) -> String {
        format!("cloakroom-{}-{key}", self.deployment)
    }

    /// The key pair that is configured now.
    pub(in crate::adapters::aws) fn credentials(&self) -> Credentials {
        self.identity.credentials()
    }

    /// Sends a request and reads the answer, with any status.
    pub(in crate::adapters::aws) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Answer, UpstreamError> {
        let url = format!("{}{path}", self.endpoint);
        let http = SignedHttp::new(self.http.get(), &self.region);
        let call = self.calls.begin(Upstream::Admin, method.clone());
        let sent = http.send(method, &url, body, self.credentials()).await;
        let answered = sent.as_ref().map(|(status, _)| status.as_u16());
        call.ended(answered.map_err(|failure| CallFailure::of(failure.kind)));
        let (status, body) = sent.map_err(|failure| self.error(failure.kind, &failure.cause))?;
        Ok(Answer { status, body })
    }

    /// The error for an answer whose status is a failure.
    pub(in crate::adapters::aws) fn status_error(
        &self,
        step: &str,
        answer: &Answer,
    ) -> UpstreamError {
        let kind = if answer.status.is_server_error() {
            UpstreamErrorKind::Unreachable
        } else {
            UpstreamErrorKind::Refused
        };
        let status = answer.status.as_u16();
        self.error(kind, &format!("{step}: HTTP {status}"))
    }

    pub(in crate::adapters::aws) fn error(
        &self,
        kind: UpstreamErrorKind,
        what: &str,
    ) -> UpstreamError {
        UpstreamError::new(kind, format!("{}: {what}", self.api))
    }
}

impl Answer {
    /// Whether the answer is a 404 with this error code. A 404 alone proves nothing: it may come from
    /// a proxy, or from an API that is switched off.
    pub(in crate::adapters::aws) fn is_not_found(&self, code: &str) -> bool {
        let error = serde_json::from_slice::<ErrorBody>(&self.body);
        self.status == StatusCode::NOT_FOUND && error.is_ok_and(|error| error.code == code)
    }
}
