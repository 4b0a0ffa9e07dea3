use super::{ApiKeyId, InvalidApiKey};

/// Why an API key opens nothing. From outside they all look the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    /// It cannot be a key.
    #[error("the API key {0}")]
    Malformed(#[from] InvalidApiKey),
    /// The registry has never seen it.
    #[error("the API key {0} is unknown")]
    Unknown(ApiKeyId),
    /// Its public part is a key's, the rest is not.
    #[error("the API key {0} is forged: its public part is known, its secret is wrong")]
    Forged(ApiKeyId),
    /// An operator has ended it.
    #[error("the API key {0} is revoked")]
    Revoked(ApiKeyId),
    /// It has ended by itself.
    #[error("the API key {0} has expired")]
    Expired(ApiKeyId),
}
