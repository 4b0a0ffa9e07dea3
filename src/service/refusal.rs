use crate::domain::{AccessKeyPolicyError, ApiKeyError, Restricted, TokenError};
use std::fmt;

use super::{EnsureBucketError, PairsError, RateLimitError, RegistryError};

/// Why a use case handed nothing out. The list is closed. A dialect decides what the caller sees of a
/// refusal; its text is for the log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// The request carries no credential of this dialect.
    #[error("no credential was presented")]
    MissingCredential,
    /// The request breaks the grammar of the dialect.
    #[error("malformed request: {0}")]
    MalformedRequest(&'static str),
    /// The access token is refused.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The API key is refused.
    #[error(transparent)]
    ApiKey(#[from] ApiKeyError),
    /// There is no live session with this session token.
    #[error("no live session has this session token")]
    UnknownSession,
    /// The caller may not open what they ask for.
    #[error(transparent)]
    NotEntitled(#[from] NotEntitled),
    /// The access key is not rotated.
    #[error(transparent)]
    AccessKey(#[from] AccessKeyRefusal),
    /// An operator has blocked the owner, the caller or the client.
    #[error("the {kind} is blocked: {reason}")]
    Blocked {
        /// Which of them, in a word.
        kind: &'static str,
        /// Why, in the operator's words.
        reason: String,
    },
    /// The sessions of the owner or the caller are being revoked.
    #[error("sessions of the owner or the caller are being revoked")]
    BeingRevoked,
    /// The bucket exists and is not known to be the owner's. An operator should look at it.
    #[error("the bucket exists and is not known to be this owner's")]
    BucketConflict,
    /// Too many calls.
    #[error("{limit}")]
    RateLimited {
        /// Which limit was reached.
        limit: Limit,
        /// When the next call may succeed.
        spent: RateLimitError,
    },
    /// The authorization server cannot be asked, or its answer makes no sense.
    #[error("authorization server: {0}")]
    AuthorizationServer(UpstreamError),
    /// The store cannot be asked, or its answer makes no sense.
    #[error("store: {0}")]
    Store(UpstreamError),
    /// Too many requests wait for the authorization server.
    #[error("too many requests wait for the authorization server (oauth.max_in_flight)")]
    AuthorizationServerBusy,
    /// The gateway or its registry failed.
    #[error("internal: {0}")]
    Internal(String),
    /// Too many requests are under way, or too many buckets are being created.
    #[error("too many requests or creations of buckets are under way")]
    Overloaded,
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// The calls for one owner's storage.
    #[error("the owner asks too often (limits.per_owner)")]
    Owner,
    /// The calls of one caller.
    #[error("the caller asks too often (limits.per_caller)")]
    Caller,
    /// The calls from one network with API keys that are not known to be genuine, or with session tokens.
    #[error(
        "too many unknown API keys or session tokens come from this address (limits.per_caller)"
    )]
    Address,
}

/// Why a known caller may not open what they ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEntitled {
    /// The API key does not open storage.
    #[error("the API key was made without storage")]
    KeyWithoutStorage,
    /// An operator has disabled the organisation.
    #[error("the organisation is disabled")]
    DisabledOrganisation,
    /// The caller is not a member of the workspace, or there is no such workspace.
    #[error("not a member of this workspace, or there is none")]
    NoMember,
    /// An API key was used for a workspace, or a token for an organisation.
    #[error("this kind of credential does not open this kind of storage")]
    WrongCredential,
}

/// Why an access key is not rotated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessKeyRefusal {
    /// There is no access key of this name.
    #[error("there is no such access key")]
    NoSuchKey,
    /// It belongs to another owner.
    #[error("the access key is not the caller's")]
    NotTheirs,
    /// An operator has disabled it, or its organisation.
    #[error("the access key or its organisation is disabled")]
    Disabled,
    /// The caller's network is not one of the key's.
    #[error("the access key may not be used from this network")]
    Network,
    /// The capability token is not valid for this key.
    #[error("the capability token {0}")]
    Capability(&'static str),
    /// An earlier rotation is under way.
    #[error("an earlier rotation of the access key is under way")]
    Pending,
    /// The key opens a bucket that belongs, or could belong, to another owner.
    #[error("a bucket of the access key belongs or could belong to another owner")]
    BucketOfOthers,
    /// The configuration does not allow what the key opens.
    #[error(transparent)]
    NoPolicy(#[from] AccessKeyPolicyError),
    /// The registry could not record the rotation.
    #[error("the rotation could not be recorded: {0}")]
    NotQueued(String),
    /// No broker is configured.
    #[error("access keys are not enabled (access_keys.broker is none)")]
    NoBroker,
}

/// What went wrong with the store or the authorization server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?}: {cause}")]
pub struct UpstreamError {
    /// The kind of failure.
    pub kind: UpstreamErrorKind,
    /// For the log, in our own words: never an upstream's text, a claim or a token.
    pub cause: String,
}

/// The kinds of failure that dialects tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamErrorKind {
    /// No answer in time.
    Timeout,
    /// There was no connection, or the system asks to try later.
    Unreachable,
    /// The system does not accept the gateway's identity, or does not allow it the action.
    Refused,
    /// An answer that breaks the protocol.
    Nonsense,
    /// The system was not asked, because too many requests wait for it.
    Busy,
}

impl UpstreamError {
    /// No answer in time.
    #[must_use]
    pub fn timeout(step: &str) -> Self {
        Self::new(UpstreamErrorKind::Timeout, format!("{step} took too long"))
    }

    /// A failure of this kind.
    #[must_use]
    pub fn new(kind: UpstreamErrorKind, cause: impl Into<String>) -> Self {
        Self {
            kind,
            cause: cause.into(),
        }
    }

    /// Adds the address at which it happened.
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

impl From<Restricted> for Refusal {
    fn from(restricted: Restricted) -> Self {
        match restricted {
            Restricted::Blocked { kind, reason } => Self::Blocked { kind, reason },
            Restricted::BeingRevoked => Self::BeingRevoked,
        }
    }
}

impl From<RegistryError> for Refusal {
    fn from(error: RegistryError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<PairsError> for Refusal {
    fn from(error: PairsError) -> Self {
        match error {
            PairsError::Registry(error) => error.into(),
            PairsError::Engine(failure) => Self::Store(failure),
            PairsError::LeaseLost => AccessKeyRefusal::Pending.into(),
        }
    }
}

impl From<EnsureBucketError> for Refusal {
    fn from(error: EnsureBucketError) -> Self {
        match error {
            EnsureBucketError::Conflict => Self::BucketConflict,
            EnsureBucketError::Blocked(reason) => Self::Blocked {
                kind: "owner",
                reason,
            },
            EnsureBucketError::Registry(error) => error.into(),
            EnsureBucketError::Store(failure) => Self::Store(failure),
            EnsureBucketError::Overloaded => Self::Overloaded,
            EnsureBucketError::Vanished => Self::Internal(error.to_string()),
        }
    }
}
