use super::{ApiKeyId, InvalidApiKey};

/// Why an API key is refused. Callers cannot tell these apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    /// It does not have the form of a key.
    #[error("the API key {0}")]
    Malformed(#[from] InvalidApiKey),
    /// The registry has no key of this id.
    #[error("the API key {0} is unknown")]
    Unknown(ApiKeyId),
    /// Its public part is known, its secret is wrong.
    #[error("the API key {0} is forged: its public part is known, its secret is wrong")]
    Forged(ApiKeyId),
    /// An operator revoked it.
    #[error("the API key {0} is revoked")]
    Revoked(ApiKeyId),
    /// It has expired.
    #[error("the API key {0} has expired")]
    Expired(ApiKeyId),
}
