use std::sync::Arc;
use std::time::Duration;

use crate::domain::{
    AccessToken, ApiKey, Scope, TokenCaller, TokenError, TokenRules, UnverifiedClaims,
};
use crate::service::{
    CAPABILITY_TYPE, Clock, Deadline, Introspection, LocalJwt, ReadToken, Refusal, UpstreamError,
    UpstreamErrorKind,
};

/// How long the authorization server may take for one token, retry included.
const STEP_TIMEOUT: Duration = Duration::from_secs(3);

/// Authenticates access tokens: from an [`AccessToken`] to a [`TokenCaller`].
pub struct AuthenticateToken {
    validation: TokenValidation,
    clock: Arc<dyn Clock>,
    rules: TokenRules,
}

/// How tokens are validated (`oauth.validation`).
pub enum TokenValidation {
    /// The authorization server is asked about each token (RFC 7662).
    Introspection(Arc<dyn Introspection>),
    /// Each token must be signed (RFC 9068).
    Jwt(Arc<dyn LocalJwt>),
    /// The authorization server is asked about each token, and about a JWT only if its signature holds.
    JwtThenIntrospection(Arc<dyn LocalJwt>, Arc<dyn Introspection>),
}

impl AuthenticateToken {
    /// Makes the check.
    #[must_use]
    pub fn new(validation: TokenValidation, clock: Arc<dyn Clock>, rules: TokenRules) -> Self {
        Self {
            validation,
            clock,
            rules,
        }
    }

    /// Checks the token itself, its claims and its scope.
    pub(super) async fn authenticate(
        &self,
        token: &AccessToken,
        scope: &Scope,
        deadline: Deadline,
    ) -> Result<TokenCaller, Refusal> {
        refuse_our_own(token)?;
        let checked = deadline.limit(STEP_TIMEOUT, self.check(token, scope)).await;
        checked.unwrap_or_else(|_| {
            let failure = UpstreamError::timeout("the check of the token");
            Err(Refusal::AuthorizationServer(failure))
        })
    }

    async fn check(&self, token: &AccessToken, scope: &Scope) -> Result<TokenCaller, Refusal> {
        match &self.validation {
            TokenValidation::Introspection(introspection) => {
                self.ask(introspection.as_ref(), token, scope).await
            }
            TokenValidation::Jwt(jwt) => match read(jwt.as_ref(), token).await? {
                ReadToken::Signed(claims) => self.verify_signed(&claims, scope),
                ReadToken::Forged(why) => Err(TokenError::Forged(why).into()),
                ReadToken::Opaque => Err(TokenError::NotAJwt.into()),
            },
            TokenValidation::JwtThenIntrospection(jwt, introspection) => {
                match read(jwt.as_ref(), token).await? {
                    ReadToken::Signed(claims) => {
                        let caller = self.verify_signed(&claims, scope)?;
                        let answer = introspect(introspection.as_ref(), token).await?;
                        Ok(answer.confirm(caller, &self.rules, scope, self.clock.now())?)
                    }
                    ReadToken::Forged(why) => Err(TokenError::Forged(why).into()),
                    ReadToken::Opaque => self.ask(introspection.as_ref(), token, scope).await,
                }
            }
        }
    }

    async fn ask(
        &self,
        introspection: &dyn Introspection,
        token: &AccessToken,
        scope: &Scope,
    ) -> Result<TokenCaller, Refusal> {
        let claims = introspect(introspection, token).await?;
        Ok(claims.verify(&self.rules, scope, self.clock.now())?)
    }

    fn verify_signed(
        &self,
        claims: &UnverifiedClaims,
        scope: &Scope,
    ) -> Result<TokenCaller, Refusal> {
        Ok(claims.verify_signed(&self.rules, scope, self.clock.now())?)
    }
}

/// The gateway's own secrets are not sent to the authorization server, which might log them.
fn refuse_our_own(token: &AccessToken) -> Result<(), TokenError> {
    if ApiKey::has_form(token.expose()) {
        return Err(TokenError::OurApiKey);
    }
    if token.jwt_type().as_deref() == Some(CAPABILITY_TYPE) {
        return Err(TokenError::OurCapability);
    }
    Ok(())
}

async fn introspect(
    introspection: &dyn Introspection,
    token: &AccessToken,
) -> Result<Arc<UnverifiedClaims>, Refusal> {
    introspection.introspect(token).await.map_err(refusal)
}

async fn read(jwt: &dyn LocalJwt, token: &AccessToken) -> Result<ReadToken, Refusal> {
    jwt.read(token).await.map_err(refusal)
}

fn refusal(failure: UpstreamError) -> Refusal {
    match failure.kind {
        UpstreamErrorKind::Busy => Refusal::AuthorizationServerBusy,
        _ => Refusal::AuthorizationServer(failure),
    }
}
