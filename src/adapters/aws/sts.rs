use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::primitives::SdkBody;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::http::HttpRequest;
use aws_sdk_sts::types::Credentials;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::domain::Session;
use crate::service::{Clock, SessionRequest, Sessions, UpstreamError, UpstreamErrorKind};

use super::failure::describe;
use super::quirks::Revocation;
use super::{AwsClients, Engine};

/// The role sent to engines that require one and ignore it.
pub(super) const ANY_ROLE: &str = "arn:aws:iam:::role/cloakroom";

/// Creates sessions with STS `AssumeRole`.
pub struct StsSessions {
    client: Client,
    role_arn: String,
    external_id: Option<String>,
    engine: Engine,
    clock: Arc<dyn Clock>,
}

impl StsSessions {
    /// Uses these clients' connections.
    #[must_use]
    pub fn new(clients: &AwsClients, clock: Arc<dyn Clock>) -> Self {
        let role_arn = clients.settings.role_arn.clone();
        Self {
            client: clients.sts.clone(),
            role_arn: role_arn.unwrap_or_else(|| ANY_ROLE.to_owned()),
            external_id: clients.settings.external_id.clone(),
            engine: clients.settings.engine,
            clock,
        }
    }

    /// Rejects an answer that lacks credentials or has expired already.
    fn session(&self, credentials: Option<Credentials>) -> Result<Session, UpstreamError> {
        let nonsense = |cause| UpstreamError::new(UpstreamErrorKind::Nonsense, cause);
        let Credentials {
            access_key_id,
            secret_access_key,
            session_token,
            expiration,
            ..
        } = credentials.ok_or_else(|| nonsense("AssumeRole: the answer has no credentials"))?;
        let expiration = DateTime::<Utc>::from_timestamp(expiration.secs(), 0)
            .filter(|expiration| *expiration > self.clock.now())
            .ok_or_else(|| {
                nonsense("AssumeRole: the session has already expired: check the clocks")
            })?;
        if access_key_id.is_empty() || secret_access_key.is_empty() || session_token.is_empty() {
            return Err(nonsense("AssumeRole: the key or session token is empty"));
        }
        Ok(Session {
            access_key_id,
            secret_access_key: SecretString::from(secret_access_key),
            session_token: SecretString::from(session_token),
            expiration,
        })
    }

    /// Rejects a session that lasts longer than requested: it would outlive the token or the grant
    /// that its duration was limited to.
    fn check_duration(
        &self,
        session: &Session,
        requested: Duration,
        requested_at: DateTime<Utc>,
    ) -> Result<(), UpstreamError> {
        let Some(lasts) = session.overlong(requested, requested_at) else {
            return Ok(());
        };
        let hint = match self.engine {
            Engine::Minio => "unset MINIO_STS_DURATION at the store: it overrides every request",
            Engine::Generic => {
                "look for a setting of the store that overrides the requested duration \
                 (MinIO: MINIO_STS_DURATION)"
            }
            Engine::Aws | Engine::Ceph | Engine::Seaweedfs => "the store ignores DurationSeconds",
        };
        let cause = format!(
            "AssumeRole: the session lasts {} s, not the requested {} s: {hint}, or set the clocks",
            lasts.num_seconds(),
            requested.as_secs()
        );
        Err(UpstreamError::new(UpstreamErrorKind::Nonsense, cause))
    }
}

/// Adds parameters, which need no escaping, to the form of a request, before it is signed.
fn add_to_form(request: &mut HttpRequest, parameters: &str) {
    let Some(form) = request.body().bytes() else {
        return;
    };
    let form = [form, parameters.as_bytes()].concat();
    let length = form.len().to_string();
    request.headers_mut().insert("content-length", length);
    *request.body_mut() = SdkBody::from(form);
}

#[async_trait]
impl Sessions for StsSessions {
    async fn assume_role(&self, request: SessionRequest) -> Result<Session, UpstreamError> {
        let requested_at = self.clock.now();
        let seconds = i32::try_from(request.duration.as_secs()).unwrap_or(i32::MAX);
        let call = self
            .client
            .assume_role()
            .role_arn(&self.role_arn)
            .role_session_name(request.name.as_str())
            .policy(request.policy.as_str())
            .duration_seconds(seconds)
            .set_external_id(self.external_id.clone());
        // The SDK's futures are large: keep them on the heap.
        let sent = if self.engine.revocation() == Revocation::TokenType {
            let form = format!("&TokenRevokeType={}", request.name.owner());
            let call = call
                .customize()
                .mutate_request(move |request| add_to_form(request, &form));
            Box::pin(call.send()).await
        } else {
            Box::pin(call.send()).await
        };
        let answer = sent.map_err(|error| describe("AssumeRole", &error))?;
        let session = self.session(answer.credentials)?;
        self.check_duration(&session, request.duration, requested_at)?;
        Ok(session)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::adapters::SystemClock;
    use crate::adapters::aws::tests::{clients, session_request};

    #[tokio::test]
    async fn an_overlong_session_is_refused_and_names_the_setting() {
        let store = MockServer::start().await;
        let end = SystemClock.now() + TimeDelta::hours(12);
        let end = end.format("%Y-%m-%dT%H:%M:%SZ");
        let answer = format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId>\
             <SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken>\
             <Expiration>{end}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        );
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200).set_body_string(answer))
            .mount(&store)
            .await;
        let sessions = StsSessions::new(&clients(store.uri()).await, Arc::new(SystemClock));
        let refused = sessions.assume_role(session_request(Duration::from_hours(1)));
        let refused = refused.await.unwrap_err();
        assert_eq!(refused.kind, UpstreamErrorKind::Nonsense);
        assert!(
            refused.cause.contains("not the requested 3600 s")
                && refused.cause.contains("MINIO_STS_DURATION"),
            "{}",
            refused.cause
        );
        let granted = sessions.assume_role(session_request(Duration::from_hours(12)));
        assert!(granted.await.is_ok());
    }
}
