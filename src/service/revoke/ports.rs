use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    AuditEvent, BucketName, CallerId, Grant, Owner, OwnerPseudonym, Prefix, RequestId,
    RoleSessionName, Session,
};
use crate::service::{RegistryError, UpstreamError};

/// Has the store refuse sessions before they expire.
#[async_trait]
pub trait Revoker: Send + Sync {
    /// Tells the store to refuse these sessions. Sessions that are opened after the pause in the answer
    /// must work.
    async fn refuse(&self, sessions: &RefusedSessions) -> Result<Told, UpstreamError>;

    /// Whether the store ends only sessions that carry a mark of their owner. Gateways mark them since
    /// [`RevocationRegistry::marked_since`].
    fn ends_marked_only(&self) -> bool {
        false
    }

    /// Takes back what the store was told under this id.
    async fn take_back(&self, bucket: &BucketName, id: &str) -> Result<(), UpstreamError>;

    /// Tries to list what the grant opens with this session, over a new connection.
    async fn try_session(&self, session: &Session, grant: &Grant) -> Result<Tried, UpstreamError>;
}

/// Sessions that the store is to refuse.
#[derive(Clone, Debug)]
pub struct RefusedSessions {
    /// Names what the store is told: letters and digits.
    pub id: String,
    /// Whose storage they open.
    pub owner: OwnerPseudonym,
    /// The bucket that they open.
    pub bucket: BucketName,
    /// Which of them.
    pub which: WhichSessions,
}

/// Which sessions of an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhichSessions {
    /// All that were asked for before then.
    Before(DateTime<Utc>),
    /// These.
    Named(Vec<RoleSessionName>),
}

/// What the store was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was told. New sessions work after this pause.
    Yes {
        /// How long to wait.
        pause: Duration,
        /// Whether it refuses all sessions of the owner, because it cannot tell them apart.
        all: bool,
    },
    /// It cannot be told.
    No(&'static str),
}

/// What became of a session that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The store took it.
    Taken,
    /// The store refused it.
    Refused,
    /// There is no such bucket.
    NoBucket,
}

/// Keeps who is being revoked, and what stores were told.
#[async_trait]
pub trait RevocationRegistry: Send + Sync {
    /// Records that sessions are being revoked. No gateway opens any for them until it is finished or
    /// the time has come.
    async fn begin(&self, revocation: &Revocation, event: &AuditEvent)
    -> Result<(), RegistryError>;

    /// Records that it is done. A later one for the same party goes on.
    async fn finish(
        &self,
        revocation: &Revocation,
        event: &AuditEvent,
    ) -> Result<(), RegistryError>;

    /// Takes the lock on what the store is told of a bucket. Returns false while another process holds
    /// it.
    async fn lock(
        &self,
        bucket: &BucketName,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<bool, RegistryError>;

    /// Releases the lock that was taken until then; one that another process has taken since stays.
    async fn unlock(&self, bucket: &BucketName, until: DateTime<Utc>) -> Result<(), RegistryError>;

    /// Records what the store is about to be told. Returns whether nothing was recorded for this id.
    async fn add_statement(&self, statement: &Statement) -> Result<bool, RegistryError>;

    /// What can be taken back by now.
    async fn statements_over(&self, now: DateTime<Utc>) -> Result<Vec<Statement>, RegistryError>;

    /// Forgets what was taken back.
    async fn forget_statement(&self, statement: &Statement) -> Result<(), RegistryError>;

    /// Forgets revocations whose sessions have all expired.
    async fn forget_revocations(&self, now: DateTime<Utc>) -> Result<(), RegistryError>;

    /// When the registry came to know revocations: gateways mark the sessions that they open since then.
    async fn marked_since(&self) -> Result<DateTime<Utc>, RegistryError>;

    /// The sessions that were issued and have not expired, at most so many, the newest.
    async fn live_sessions(
        &self,
        of: &SessionsOf,
        now: DateTime<Utc>,
        at_most: u32,
    ) -> Result<Vec<LiveSession>, RegistryError>;
}

/// Whose sessions are revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionsOf {
    /// All that open this owner's storage, whoever asked.
    Owner(Owner),
    /// All that this caller asked for, whosever storage they open.
    Caller(CallerId),
    /// The one with this access key id.
    Key(String),
}

/// A revocation, as the registry keeps it.
#[derive(Clone, Debug)]
pub struct Revocation {
    /// Whose sessions, with the exception of a single one: that is revoked for its caller.
    pub of: RevokedParty,
    /// Sessions that were asked for before then are revoked.
    pub before: DateTime<Utc>,
    /// No session is opened until then.
    pub frozen_until: DateTime<Utc>,
    /// When the last of the sessions has expired.
    pub over_at: DateTime<Utc>,
}

/// For whom no session is opened meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokedParty {
    /// Everyone who asks for this owner's storage.
    Owner(Owner),
    /// This caller.
    Caller(CallerId),
}

/// What a store was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// About this bucket.
    pub bucket: BucketName,
    /// Under this id.
    pub id: String,
    /// When it can be taken back.
    pub over_at: DateTime<Utc>,
}

/// A session that has not expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSession {
    /// Who asked for it.
    pub caller: CallerId,
    /// Whose storage it opens.
    pub owner: Owner,
    /// The bucket.
    pub bucket: BucketName,
    /// Which part of it, if not all.
    pub prefix: Option<Prefix>,
    /// The call that it was handed out to, which names it; a session that was reused has the name of an
    /// earlier call.
    pub request_id: RequestId,
    /// When it ends.
    pub expiration: DateTime<Utc>,
}

impl SessionsOf {
    /// The storage that a person has as a caller.
    pub(super) fn own_storage(&self) -> Option<Owner> {
        match self {
            Self::Caller(CallerId::Principal(principal)) => {
                Some(Owner::Principal(principal.clone()))
            }
            _ => None,
        }
    }
}

impl RevokedParty {
    /// The kind, as the registry writes it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Owner(_) => "owner",
            Self::Caller(_) => "caller",
        }
    }

    /// The name within the kind.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Owner(owner) => owner.to_string(),
            Self::Caller(caller) => caller.to_string(),
        }
    }
}
