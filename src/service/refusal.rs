use crate::domain::{AccessKeyPolicyError, ApiKeyError, TokenError};
use std::fmt;

use super::{AccessKeyKeeperError, EnsureBucketError, RateLimitError, RegistryError};

/// How every use case ends when it hands nothing out: a closed list. What a refusal looks
/// like from outside is the dialect's business; what it says inside goes into the log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// The request carries no credential of this dialect.
    #[error("no credential was presented")]
    MissingCredential,
    /// The request breaks the grammar of the dialect.
    #[error("malformed request: {0}")]
    MalformedRequest(&'static str),
    /// The token does not open anything.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The API key does not open anything.
    #[error(transparent)]
    ApiKey(#[from] ApiKeyError),
    /// What is asked for is not the caller's.
    #[error(transparent)]
    NotEntitled(#[from] NotEntitled),
    /// The access key gets no new credentials.
    #[error(transparent)]
    AccessKey(#[from] AccessKeyRefusal),
    /// The bucket exists and is not known to be the owner's: nothing is handed out, and an operator
    /// should look.
    #[error("the bucket exists and is not known to be this owner's")]
    BucketConflict,
    /// Too many calls.
    #[error("{limit}")]
    RateLimited {
        /// Whose.
        limit: Limit,
        /// When the next call may succeed.
        spent: RateLimitError,
    },
    /// The authorization server cannot be asked or does not make sense.
    #[error("authorization server: {0}")]
    AuthorizationServer(UpstreamError),
    /// The store cannot be asked or does not make sense.
    #[error("store: {0}")]
    Store(UpstreamError),
    /// Too many requests wait for the authorization server.
    #[error("too many requests wait for the authorization server (oauth.max_in_flight)")]
    AuthorizationServerBusy,
    /// Our own fault, the registry's included.
    #[error("internal: {0}")]
    Internal(String),
    /// Too many requests are under way, or too many buckets are being made.
    #[error("too many requests or creations of buckets are under way")]
    Overloaded,
}

/// Whose calls are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Those for one owner's storage.
    #[error("the owner asks too often (limits.per_owner)")]
    Owner,
    /// Those of one caller.
    #[error("the caller asks too often (limits.per_caller)")]
    Caller,
    /// Those from one address with API keys that are not known to be genuine.
    #[error("too many unknown API keys come from this address (limits.per_caller)")]
    Address,
}

/// Why somebody who is known gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEntitled {
    /// The API key is for other things.
    #[error("the API key was made without storage")]
    KeyWithoutStorage,
    /// An operator has disabled the organisation.
    #[error("the organisation is disabled")]
    DisabledOrganisation,
    /// The caller is no member of the workspace, or there is none.
    #[error("no member of such a workspace")]
    NoMember,
    /// An API key where a token is needed, or the other way round.
    #[error("this cannot be asked for with such a credential")]
    WrongCredential,
}

/// Why an access key gets no new credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessKeyRefusal {
    /// There is none of this name.
    #[error("there is no such access key")]
    NoSuchKey,
    /// It is another owner's.
    #[error("the access key is not the caller's")]
    NotTheirs,
    /// An operator has disabled it, or its organisation.
    #[error("the access key or its organisation is disabled")]
    Disabled,
    /// It may not be asked for from there.
    #[error("the access key may not be used from this network")]
    Network,
    /// The token is no capability of this gateway's for this key.
    #[error("the capability token {0}")]
    Capability(&'static str),
    /// An earlier rotation is under way.
    #[error("an earlier rotation of the access key is under way")]
    Pending,
    /// A bucket of the key has become somebody else's.
    #[error("a bucket of the access key is or could be somebody else's")]
    SomebodyElses,
    /// The configuration does not allow what the key opens.
    #[error(transparent)]
    NoPolicy(#[from] AccessKeyPolicyError),
    /// The rotation could not be written down.
    #[error("the rotation could not be recorded: {0}")]
    NotQueued(String),
    /// The engine cannot hold such keys, or nobody has said how.
    #[error("no engine for access keys is configured (access_keys.broker)")]
    NoBroker,
}

/// What went wrong with a system that we depend on, in our own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?}: {cause}")]
pub struct UpstreamError {
    /// The sort of failure.
    pub kind: UpstreamErrorKind,
    /// For the log; never an upstream's text, a claim or a token.
    pub cause: String,
}

/// The sorts of failure that a dialect may tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamErrorKind {
    /// No answer in time.
    Timeout,
    /// No connection, or an answer that says "not now".
    Unreachable,
    /// The system does not accept the gateway's own identity, or refuses it the action.
    Refused,
    /// An answer that breaks the protocol.
    Nonsense,
    /// Not asked: too many requests wait for it already.
    Busy,
}

impl UpstreamError {
    /// No answer in time.
    #[must_use]
    pub fn timeout(step: &str) -> Self {
        Self::new(UpstreamErrorKind::Timeout, format!("{step} took too long"))
    }

    /// A failure of this sort.
    #[must_use]
    pub fn new(kind: UpstreamErrorKind, cause: impl Into<String>) -> Self {
        Self {
            kind,
            cause: cause.into(),
        }
    }

    /// The same, with the address at which it happened.
    #[must_use]
    pub fn at(self, address: &impl fmt::Display) -> Self {
        Self {
            cause: format!("{address}: {}", self.cause),
            ..self
        }
    }
}

impl RateLimitError {
    /// The refusal, by the limit that was reached.
    #[must_use]
    pub fn of(self, limit: Limit) -> Refusal {
        Refusal::RateLimited { limit, spent: self }
    }
}

impl From<RegistryError> for Refusal {
    fn from(error: RegistryError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<AccessKeyKeeperError> for Refusal {
    fn from(error: AccessKeyKeeperError) -> Self {
        match error {
            AccessKeyKeeperError::Registry(error) => error.into(),
            AccessKeyKeeperError::Engine(failure) => Self::Store(failure),
            AccessKeyKeeperError::Lost => AccessKeyRefusal::Pending.into(),
        }
    }
}

impl From<EnsureBucketError> for Refusal {
    fn from(error: EnsureBucketError) -> Self {
        match error {
            EnsureBucketError::Conflict => Self::BucketConflict,
            EnsureBucketError::Registry(error) => error.into(),
            EnsureBucketError::Store(failure) => Self::Store(failure),
            EnsureBucketError::Overloaded => Self::Overloaded,
            EnsureBucketError::Vanished => Self::Internal(error.to_string()),
        }
    }
}
