/// Why a token that was asked about opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The authorization server says so.
    #[error("the token is not active")]
    Inactive,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// A signed token without `exp`: no token stands for ever on its signature alone.
    #[error("the token does not say when it ends")]
    EndlessJwt,
    /// `nbf` is to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iss` is not ours.
    #[error("the token is another issuer's")]
    WrongIssuer,
    /// `aud` does not hold ours.
    #[error("the token is meant for another audience")]
    WrongAudience,
    /// An ID token, a refresh token or something unknown.
    #[error("the token is not an access token")]
    NotAnAccessToken,
    /// `cnf`.
    #[error("the token is bound to a key")]
    SenderConstrained,
    /// `client_id` and `azp` differ.
    #[error("the token names two clients")]
    TwoClientIds,
    /// It ends before the shortest session would (`storage.cap_to_token_expiry`).
    #[error("the token ends before the shortest session would")]
    EndsTooSoon,
    /// No usable `sub` or client id.
    #[error("the token lacks a usable sub or client id")]
    MissingClaims,
    /// The scope word is not there.
    #[error("the token lacks the scope")]
    MissingScope,
    /// Neither signed by the authorization server nor anything it might know.
    #[error("the token is forged: {0}")]
    Forged(&'static str),
    /// One of our own API keys, on a route that takes access tokens. It stays here.
    #[error(
        "an API key of this gateway came as an access token: POST /storage/boto takes it in the \
         header x-api-key"
    )]
    OurApiKey,
    /// One of our own capability tokens, on a route that takes access tokens. It stays here.
    #[error(
        "a capability token of this gateway came as an access token: only the access-key route \
         takes it"
    )]
    OurCapability,
    /// The authorization server names another subject or client than the signed token does.
    #[error("the authorization server contradicts the token")]
    Contradicted,
}
