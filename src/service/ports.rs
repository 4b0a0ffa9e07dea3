use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    AccessToken, AuditEvent, BucketName, BucketOwner, Restrictions, RoleSessionName, Session,
    SessionPolicy, SessionTokenHash, UnverifiedClaims,
};

use super::{LiveSession, UpstreamError};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The current time, in UTC.
    fn now(&self) -> DateTime<Utc>;
}

/// Makes unpredictable bits.
pub trait Randomness: Send + Sync {
    /// 128 bits.
    fn bits(&self) -> [u8; 16];
}

/// Asks the authorization server about tokens (RFC 7662).
#[async_trait]
pub trait Introspection: Send + Sync {
    /// The authorization server's answer, well-formed and not yet trusted.
    async fn introspect(&self, token: &AccessToken)
    -> Result<Arc<UnverifiedClaims>, UpstreamError>;
}

/// Verifies signed tokens without asking the authorization server about each (RFC 9068).
#[async_trait]
pub trait LocalJwt: Send + Sync {
    /// Verifies the token's signature, if it has one.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`] when the authorization server's keys cannot be read.
    async fn read(&self, token: &AccessToken) -> Result<ReadToken, UpstreamError>;
}

/// What reading a token tells. Claims are only in a token whose signature holds.
#[derive(Clone, Debug)]
pub enum ReadToken {
    /// It is not a JWT: only the authorization server can tell.
    Opaque,
    /// It is a JWT that must not be trusted, and why.
    Forged(&'static str),
    /// It is a JWT signed by the authorization server. Its claims are not yet verified.
    Signed(Box<UnverifiedClaims>),
}

/// Limits how often each owner, caller or network may call.
pub trait RateLimiter<Key>: Send + Sync {
    /// Counts one call.
    ///
    /// # Errors
    ///
    /// [`RateLimitError`] when the allowance is used up.
    fn take(&self, key: &Key) -> Result<(), RateLimitError>;
}

/// Too many calls have been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many calls: {permitted} are allowed at once")]
pub struct RateLimitError {
    /// When the next call may succeed.
    pub retry_after: Duration,
    /// How many calls are allowed at once.
    pub permitted: u32,
}

/// Records who holds which bucket: each owner has one bucket, and each bucket has one owner.
#[async_trait]
pub trait BucketRegistry: Send + Sync {
    /// Reserves the bucket for its owner, unless it is reserved already.
    async fn reserve(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
    ) -> Result<ReserveOutcome, RegistryError>;

    /// Moves the owner's reservation of this bucket forward, never back. Fails if there is no such
    /// reservation.
    async fn advance(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
        to: ReservationState,
    ) -> Result<(), RegistryError>;

    /// How far the creation of the owner's bucket got; `None` if the owner does not have this bucket.
    async fn state(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
    ) -> Result<Option<ReservationState>, RegistryError>;
}

/// How a reservation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReserveOutcome {
    /// The owner holds this bucket; this is how far its creation got.
    Held(ReservationState),
    /// The bucket is reserved for another owner, or the owner has another bucket.
    Conflict,
    /// An operator has blocked the owner, for this reason.
    Blocked(String),
}

/// How far the creation of a bucket got. The registry and `cloakroom bucket show` call
/// [`Self::Reserved`] `claimed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReservationState {
    /// The name is reserved. The store has not been asked yet.
    Reserved,
    /// The store had no such bucket, and the gateway was about to create it: a bucket that is found
    /// from now on is its own.
    Creating,
    /// The bucket exists and is set up.
    Ready,
}

/// The registry cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("registry: {cause}")]
pub struct RegistryError {
    cause: String,
    is_transient: bool,
}

impl RegistryError {
    /// A permanent error.
    #[must_use]
    pub fn new(cause: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            is_transient: false,
        }
    }

    /// A transient error.
    #[must_use]
    pub fn transient(cause: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            is_transient: true,
        }
    }

    /// The registry did not answer in time.
    #[must_use]
    pub fn late(step: &str) -> Self {
        Self::transient(format!("{step}: no answer in time"))
    }

    /// Whether the same call may succeed later without a change.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.is_transient
    }

    /// The reservation was removed while the bucket was being created.
    #[must_use]
    pub fn not_reserved() -> Self {
        Self::new(
            "advance: the owner has no reservation of the bucket any more (bucket release, or another \
             formula): the next call reserves one",
        )
    }
}

/// Records the sessions that are issued.
#[async_trait]
pub trait AuditTrail: Send + Sync {
    /// Records the event if the registry's restrictions still have this version
    /// ([`Restrictions::version`](crate::domain::Restrictions::version)), in one transaction. Returns
    /// when the event is on disk.
    async fn record(&self, event: AuditEvent, version: i64) -> Result<Recorded, RegistryError>;
}

/// Finds the sessions that were issued.
#[async_trait]
pub trait IssuedSessions: Send + Sync {
    /// The session with this token, if it has not expired.
    async fn find(
        &self,
        token: &SessionTokenHash,
        now: DateTime<Utc>,
    ) -> Result<Option<LiveSession>, RegistryError>;
}

/// Whether an event was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is on disk.
    Yes,
    /// It was not recorded: the registry's restrictions have another version.
    RestrictionsChanged,
}

/// Whom operators have blocked, and whose sessions they have revoked.
#[async_trait]
pub trait RestrictionRegistry: Send + Sync {
    /// What is in force now.
    async fn restrictions(&self) -> Result<Restrictions, RegistryError>;
}

/// Reads and creates buckets of the store with the gateway's own identity.
#[async_trait]
pub trait Buckets: Send + Sync {
    /// What the store has at this name.
    async fn look(&self, bucket: &BucketName) -> Result<Presence, UpstreamError>;

    /// Creates the bucket.
    async fn create(&self, bucket: &BucketName) -> Result<Creation, UpstreamError>;

    /// The deployment that the bucket is marked with, if there is a mark and the engine can tell.
    async fn marker(&self, bucket: &BucketName) -> Result<Option<String>, UpstreamError>;

    /// Closes the bucket to the public, marks it with the deployment and gives it the configured rules,
    /// as far as the engine can.
    async fn set_up(&self, bucket: &BucketName, deployment: &str) -> Result<(), UpstreamError>;

    /// Writes those of the configured rules that the bucket lacks or that differ.
    async fn repair_rules(&self, bucket: &BucketName) -> Result<(), UpstreamError>;
}

/// What the store has at a bucket's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nothing.
    Missing,
    /// A bucket of the gateway's own account.
    Ours,
    /// A bucket of another account.
    Foreign,
    /// The gateway may not look: either it is a foreign bucket, or the gateway lacks rights.
    Hidden,
}

/// How the creation of a bucket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It was created.
    Made,
    /// It existed, in the gateway's own account.
    AlreadyOurs,
    /// It existed, in another account.
    Foreign,
}

/// Opens sessions at the store (AWS STS `AssumeRole`).
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Opens a session. It fails if the session lasts longer than asked for ([`Session::overlong`]).
    async fn assume_role(&self, request: SessionRequest) -> Result<Session, UpstreamError>;
}

/// A request for a session. There is no session without a policy.
#[derive(Clone, Debug)]
pub struct SessionRequest {
    /// Confines the session.
    pub policy: SessionPolicy,
    /// Names the session in the store's log.
    pub name: RoleSessionName,
    /// How long the session is to last.
    pub duration: Duration,
}
