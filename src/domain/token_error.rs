use super::Scope;

/// Why an access token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The authorization server calls it inactive.
    #[error("the token is not active")]
    Inactive,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// It is a signed token without `exp`, which would be valid for ever.
    #[error("the token does not say when it expires")]
    MissingExpiry,
    /// `nbf` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iss` is not the configured issuer.
    #[error("the token comes from another issuer")]
    WrongIssuer,
    /// `aud` does not hold the configured audience.
    #[error("the token is meant for another audience")]
    WrongAudience,
    /// It is an ID token, a refresh token or of an unknown kind.
    #[error("the token is not an access token")]
    NotAnAccessToken,
    /// It has a `cnf`, whose proof is not checked.
    #[error("the token is bound to a key")]
    SenderConstrained,
    /// `client_id` and `azp` differ.
    #[error("the token names two clients")]
    TwoClientIds,
    /// It expires before the shortest session would end (`storage.cap_to_token_expiry`).
    #[error("the token expires before the shortest session would end")]
    EndsTooSoon,
    /// It has no valid `sub` or client id.
    #[error("the token lacks a usable sub or client id")]
    MissingClaims,
    /// Its `scope` does not hold this word.
    #[error("the token lacks the scope {0}")]
    MissingScope(Scope),
    /// It is opaque, and only JWTs are accepted (`oauth.validation = "jwt"`).
    #[error("the token is not a JWT")]
    NotAJwt,
    /// It is not signed as the authorization server's tokens are.
    #[error("the token is forged: {0}")]
    Forged(&'static str),
    /// It is an API key of this gateway, and is not sent on.
    #[error(
        "an API key of this gateway came as an access token: POST /storage/boto takes it in the \
         header x-api-key"
    )]
    OurApiKey,
    /// It is a capability token of this gateway, and is not sent on.
    #[error(
        "a capability token of this gateway came as an access token: only the access-key route \
         takes it"
    )]
    OurCapability,
    /// A claim that an issuer's settings name is missing, or no string, whole number or boolean.
    #[error("the token lacks a claim that its issuer's settings name (issuers.*)")]
    MissingNamedClaim,
    /// A claim's value holds the text that ends it in a template.
    #[error("a claim holds the separator of the template that it stands in (issuers.*)")]
    AmbiguousClaim,
    /// A condition of its issuer does not hold.
    #[error("a condition of the token's issuer does not hold (issuers.*.conditions)")]
    ConditionFailed,
    /// The authorization server names another subject or client than the signed token.
    #[error("the authorization server contradicts the token")]
    Contradicted,
}
