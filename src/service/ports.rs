use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    AccessToken, BucketName, BucketOwner, RoleSessionName, Session, SessionEvent, SessionPolicy,
    UnverifiedClaims,
};

use super::UpstreamError;

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now, UTC.
    fn now(&self) -> DateTime<Utc>;
}

/// Where unpredictable bits come from.
pub trait Randomness: Send + Sync {
    /// 128 of them.
    fn bits(&self) -> [u8; 16];
}

/// Asks what a token stands for (RFC 7662).
#[async_trait]
pub trait Introspection: Send + Sync {
    /// The authorization server's answer, well-formed and not yet believed.
    async fn introspect(&self, token: &AccessToken)
    -> Result<Arc<UnverifiedClaims>, UpstreamError>;
}

/// Reads signed tokens without asking anybody (RFC 9068).
#[async_trait]
pub trait LocalJwt: Send + Sync {
    /// What the token is.
    ///
    /// # Errors
    ///
    /// When the authorization server's keys cannot be had.
    async fn read(&self, token: &AccessToken) -> Result<ReadToken, UpstreamError>;
}

/// What a token turns out to be, on sight.
#[derive(Clone, Debug)]
pub enum ReadToken {
    /// No JWT: only the authorization server can tell.
    Opaque,
    /// A JWT that is not to be believed, and why.
    Forged(&'static str),
    /// A JWT that the authorization server has signed. Its claims are still to be checked.
    Signed(Box<UnverifiedClaims>),
}

/// How often each owner, caller or client may ask.
pub trait RateLimiter<Key>: Send + Sync {
    /// Takes one call from the allowance.
    ///
    /// # Errors
    ///
    /// [`RateLimitError`] when nothing is left of it.
    fn take(&self, key: &Key) -> Result<(), RateLimitError>;
}

/// Too many calls have been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitError {
    /// When the next call may succeed.
    pub retry_after: Duration,
    /// How many calls are allowed at once.
    pub permitted: u32,
}

/// Who holds which bucket: unique both ways.
#[async_trait]
pub trait BucketRegistry: Send + Sync {
    /// Reserves the bucket for its owner, unless it is reserved already.
    async fn reserve(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
    ) -> Result<ReserveOutcome, RegistryError>;

    /// Moves the owner's reservation of this bucket forward; never back, whatever another replica does.
    /// Fails where there is no such reservation (any more).
    async fn advance(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
        to: ReservationState,
    ) -> Result<(), RegistryError>;
}

/// How a reservation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveOutcome {
    /// The owner holds this bucket; this is how far its creation got.
    Reserved(ReservationState),
    /// The bucket is reserved for another owner, or the owner has another bucket.
    Conflict,
}

/// How far the making of a bucket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReservationState {
    /// The name is taken; nobody has looked at the store.
    Reserved,
    /// The store had no such bucket, and the gateway set out to make it: whatever stands there
    /// from now on is its own work.
    Creating,
    /// The bucket is there, with everything that belongs to it.
    Ready,
}

/// The registry cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("registry: {cause}")]
pub struct RegistryError {
    cause: String,
    may_pass: bool,
}

impl RegistryError {
    /// One that stays as long as nothing is changed.
    #[must_use]
    pub fn new(cause: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            may_pass: false,
        }
    }

    /// One that may be over when the registry is asked again.
    #[must_use]
    pub fn passing(cause: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            may_pass: true,
        }
    }

    /// No answer in time.
    #[must_use]
    pub fn late(step: &str) -> Self {
        Self::passing(format!("{step}: no answer in time"))
    }

    /// Whether the same call may succeed later without any change here.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.may_pass
    }

    /// The reservation was taken away while the bucket was being made.
    #[must_use]
    pub fn not_reserved() -> Self {
        Self::new(
            "advance: the owner has no reservation of the bucket any more (bucket release, or another \
             formula): the next call reserves one",
        )
    }
}

/// The trail of sessions and changes.
#[async_trait]
pub trait AuditTrail: Send + Sync {
    /// Returns when the record is on disk.
    async fn record(&self, record: SessionEvent) -> Result<(), RegistryError>;
}

/// Buckets of the store, through the gateway's own identity.
#[async_trait]
pub trait Buckets: Send + Sync {
    /// What stands at this name.
    async fn look(&self, bucket: &BucketName) -> Result<Presence, UpstreamError>;

    /// Makes the bucket.
    async fn create(&self, bucket: &BucketName) -> Result<Creation, UpstreamError>;

    /// Which deployment of the gateway has marked the bucket as its own, if any has and the engine
    /// can tell.
    async fn marker(&self, bucket: &BucketName) -> Result<Option<String>, UpstreamError>;

    /// Closes the bucket to the public and marks it as this deployment's, where the engine can.
    async fn furnish(&self, bucket: &BucketName, deployment: &str) -> Result<(), UpstreamError>;
}

/// What stands at a bucket's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nothing.
    Missing,
    /// A bucket of the gateway's own account.
    Ours,
    /// A bucket of somebody else's.
    Foreign,
    /// The gateway may not look: there is a foreign bucket, or the gateway lacks rights.
    Hidden,
}

/// How the making of a bucket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It is there now.
    Made,
    /// It was there, and is the gateway's own account's.
    AlreadyOurs,
    /// It was there, and is somebody else's.
    Foreign,
}

/// Temporary credentials of the store (AWS STS `AssumeRole`).
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Opens a session that lasts no longer than asked for ([`Session::overlong`]).
    async fn assume_role(&self, request: SessionRequest) -> Result<Session, UpstreamError>;
}

/// What a session is to be. There is no session without a policy.
#[derive(Clone, Debug)]
pub struct SessionRequest {
    /// What confines it.
    pub policy: SessionPolicy,
    /// The pseudonym that the store's log shows.
    pub name: RoleSessionName,
    /// How long it is to last.
    pub duration: Duration,
}
