use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_sts::Client;
use aws_sdk_sts::types::Credentials;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::domain::Session;
use crate::service::{Clock, FailureKind, SessionRequest, Sessions, UpstreamFailure};

use super::AwsClients;
use super::failure::describe;

/// Said to engines that ask for a role and ignore it.
pub(super) const ANY_ROLE: &str = "arn:aws:iam:::role/cloakroom";

/// Sessions over STS `AssumeRole`.
pub struct StsSessions {
    client: Client,
    role_arn: String,
    external_id: Option<String>,
    clock: Arc<dyn Clock>,
}

impl StsSessions {
    /// Over these clients.
    #[must_use]
    pub fn new(clients: &AwsClients, clock: Arc<dyn Clock>) -> Self {
        let role_arn = clients.settings.role_arn.clone();
        Self {
            client: clients.sts.clone(),
            role_arn: role_arn.unwrap_or_else(|| ANY_ROLE.to_owned()),
            external_id: clients.settings.external_id.clone(),
            clock,
        }
    }

    /// An answer that is no key is nonsense and vends nothing.
    fn session(&self, credentials: Option<Credentials>) -> Result<Session, UpstreamFailure> {
        let nonsense = |cause| UpstreamFailure::new(FailureKind::Nonsense, cause);
        let Credentials {
            access_key_id,
            secret_access_key,
            session_token,
            expiration,
            ..
        } = credentials.ok_or_else(|| nonsense("AssumeRole: an answer without credentials"))?;
        let expiration = DateTime::<Utc>::from_timestamp(expiration.secs(), 0)
            .filter(|expiration| *expiration > self.clock.now())
            .ok_or_else(|| {
                nonsense("AssumeRole: the session has ended before it began: check the clocks")
            })?;
        if access_key_id.is_empty() || secret_access_key.is_empty() || session_token.is_empty() {
            return Err(nonsense("AssumeRole: an empty key or session token"));
        }
        Ok(Session {
            access_key_id,
            secret_access_key: SecretString::from(secret_access_key),
            session_token: SecretString::from(session_token),
            expiration,
        })
    }
}

#[async_trait]
impl Sessions for StsSessions {
    async fn assume_role(&self, request: SessionRequest) -> Result<Session, UpstreamFailure> {
        let seconds = i32::try_from(request.duration.as_secs()).unwrap_or(i32::MAX);
        let call = self
            .client
            .assume_role()
            .role_arn(&self.role_arn)
            .role_session_name(request.name.as_str())
            .policy(request.policy.as_str())
            .duration_seconds(seconds)
            .set_external_id(self.external_id.clone())
            .send();
        // The SDK's future is so large that it belongs on the heap.
        let answer = Box::pin(call)
            .await
            .map_err(|error| describe("AssumeRole", &error))?;
        self.session(answer.credentials)
    }
}
