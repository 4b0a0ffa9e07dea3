use std::sync::Arc;
use std::time::Duration;

use crate::domain::{AccessToken, Caller, Scope, TokenRules};

use super::{Clock, Deadline, Introspection, Refusal, UpstreamFailure};

/// The most that the authorization server may take for one token, retry included.
const STEP_TIMEOUT: Duration = Duration::from_secs(3);

/// The use case "who is asking": from a token to a [`Caller`].
pub struct Authenticate {
    introspection: Arc<dyn Introspection>,
    clock: Arc<dyn Clock>,
    rules: TokenRules,
}

impl Authenticate {
    /// Puts the use case together.
    #[must_use]
    pub fn new(
        introspection: Arc<dyn Introspection>,
        clock: Arc<dyn Clock>,
        rules: TokenRules,
    ) -> Self {
        Self {
            introspection,
            clock,
            rules,
        }
    }

    /// Asks the authorization server what the token stands for and checks the answer: the token
    /// itself, its claims, its scope.
    ///
    /// # Errors
    ///
    /// [`Refusal::Token`] when the token opens nothing, [`Refusal::AuthorizationServer`] when
    /// nobody can tell.
    pub async fn authenticate(
        &self,
        token: &AccessToken,
        scope: &Scope,
        deadline: Deadline,
    ) -> Result<Caller, Refusal> {
        let claims = deadline
            .limit(STEP_TIMEOUT, self.introspection.introspect(token))
            .await
            .unwrap_or_else(|_| Err(UpstreamFailure::timeout("introspection")))
            .map_err(Refusal::AuthorizationServer)?;
        Ok(claims.verify(&self.rules, scope, self.clock.now())?)
    }
}
