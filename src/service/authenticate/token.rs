use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::{
    AccessToken, ApiKey, Scope, TokenCaller, TokenError, TokenRules, TrustedIssuer,
    UnverifiedClaims,
};
use crate::service::{
    CAPABILITY_TYPE, Clock, Deadline, Introspection, LocalJwt, ReadToken, Refusal, UpstreamError,
    UpstreamErrorKind,
};

/// How long the authorization server may take for one token, retry included.
const STEP_TIMEOUT: Duration = Duration::from_secs(3);

/// Authenticates access tokens: from an [`AccessToken`] to a [`TokenCaller`].
pub struct AuthenticateToken {
    oauth: OauthTokens,
    issuers: Vec<NamedIssuer>,
    clock: Arc<dyn Clock>,
}

/// How the tokens of `oauth.issuer` are checked.
pub struct OauthTokens {
    /// `oauth.validation`
    pub validation: TokenValidation,
    /// What a token must claim.
    pub rules: TokenRules,
    /// What its `scope` must hold unless a route has its own.
    pub required_scope: Scope,
}

/// An issuer of `issuers.*`.
pub struct NamedIssuer {
    /// How its tokens are checked.
    pub issuer: TrustedIssuer,
    /// Verifies their signatures with its keys.
    pub jwt: Arc<dyn LocalJwt>,
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
    /// Makes the check. No two issuers may have the same id.
    #[must_use]
    pub fn new(oauth: OauthTokens, issuers: Vec<NamedIssuer>, clock: Arc<dyn Clock>) -> Self {
        Self {
            oauth,
            issuers,
            clock,
        }
    }

    /// Checks the token itself, its claims and its scope: the route's, or else `oauth.required_scope`. A
    /// named issuer's own is required beside the route's.
    pub(super) async fn authenticate(
        &self,
        token: &AccessToken,
        scope: Option<&Scope>,
        deadline: Deadline,
    ) -> Result<TokenCaller, Refusal> {
        refuse_our_own(token)?;
        let checked = deadline.limit(STEP_TIMEOUT, self.check(token, scope)).await;
        checked.unwrap_or_else(|_| {
            let failure = UpstreamError::timeout("the check of the token");
            Err(Refusal::AuthorizationServer(failure))
        })
    }

    /// What the token says of its issuer only chooses the keys. An issuer's token is checked by that
    /// issuer's settings alone, and one of a named issuer is never sent to the authorization server.
    async fn check(
        &self,
        token: &AccessToken,
        scope: Option<&Scope>,
    ) -> Result<TokenCaller, Refusal> {
        if let Some((iss, sub)) = token.said_to_be_of() {
            let says_so = |named: &&NamedIssuer| {
                let issuer = &named.issuer;
                issuer.is_issuer_of(iss.as_deref(), sub.as_deref())
            };
            if let Some(named) = self.issuers.iter().find(says_so) {
                return named.check(token, scope, self.clock.now()).await;
            }
            // A token that is to stay away from the authorization server must not get there because
            // its issuer writes `iss` otherwise than the configuration.
            if iss.as_deref() != Some(self.oauth.rules.issuer.as_str())
                && self.may_be_of_a_named_issuer(iss.as_deref(), sub.as_deref())
            {
                return Err(TokenError::WrongIssuer.into());
            }
        }
        let scope = scope.unwrap_or(&self.oauth.required_scope);
        self.check_oauth(token, scope).await
    }

    fn may_be_of_a_named_issuer(&self, iss: Option<&str>, sub: Option<&str>) -> bool {
        let mut issuers = self.issuers.iter();
        issuers.any(|named| named.issuer.id.may_issue(iss, sub))
    }

    async fn check_oauth(
        &self,
        token: &AccessToken,
        scope: &Scope,
    ) -> Result<TokenCaller, Refusal> {
        match &self.oauth.validation {
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
                        Ok(answer.confirm(caller, &self.oauth.rules, scope, self.clock.now())?)
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
        Ok(claims.verify(&self.oauth.rules, scope, self.clock.now())?)
    }

    fn verify_signed(
        &self,
        claims: &UnverifiedClaims,
        scope: &Scope,
    ) -> Result<TokenCaller, Refusal> {
        Ok(claims.verify_signed(&self.oauth.rules, scope, self.clock.now())?)
    }
}

impl NamedIssuer {
    async fn check(
        &self,
        token: &AccessToken,
        scope: Option<&Scope>,
        now: DateTime<Utc>,
    ) -> Result<TokenCaller, Refusal> {
        let read = self.jwt.read(token).await.map_err(|failure| {
            let name = format!("issuers.{}", self.issuer.name);
            refusal(failure.at(&name))
        });
        match read? {
            ReadToken::Signed(claims) => Ok(self.issuer.verify(&claims, scope, now)?),
            ReadToken::Forged(why) => Err(TokenError::Forged(why).into()),
            ReadToken::Opaque => Err(TokenError::NotAJwt.into()),
        }
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
