//! Fakes of the ports, for tests.

mod access_key_registry;
mod access_keys;
mod broker;
mod buckets;
mod directory;
mod revoke;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::runtime::Handle;

use crate::domain::{
    AccessToken, AuditEvent, BucketFormula, BucketName, CallerId, ClientId, Owner, Principal,
    RequestId, Restrictions, Session, SessionPolicySettings, SessionTokenHash, Subject,
    UnverifiedClaims,
};

pub(crate) use access_key_registry::FakeAccessKeyRegistry;
pub(crate) use access_keys::{rotate_access_key, test_access_key, test_rotate_access_key};
pub(crate) use broker::FakeBroker;
pub(crate) use buckets::{FakeBucketRegistry, FakeBuckets};
pub(crate) use directory::FakeDirectory;
pub(crate) use revoke::{FakeStore, Flaw, revoke_sessions, test_revoke_sessions};

use super::{
    AuditTrail, Clock, CurrentRestrictions, EnsureBucket, EnsureBucketPorts, EnsureBucketSettings,
    Introspection, IssueSession, IssueSessionPorts, IssueSessionSettings, IssuedSession,
    IssuedSessions, LiveSession, Randomness, RateLimitError, RateLimiter, Recorded, RegistryError,
    RestrictionRegistry, SessionHistory, SessionRequest, Sessions, UpstreamError,
    UpstreamErrorKind,
};

pub(crate) fn principal(client_id: &str, subject: &str) -> Owner {
    Owner::Principal(Principal {
        issuer: None,
        client_id: ClientId::parse(client_id).unwrap(),
        subject: Subject::parse(subject).unwrap(),
    })
}

pub(crate) fn alice() -> Owner {
    principal("demo", "alice")
}

pub(crate) fn bucket_of(owner: &Owner) -> BucketName {
    BucketFormula::default().bucket(owner)
}

/// A clock that stands still.
pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }
}

/// Ports of which those that can fail do.
pub(crate) struct Nothing;

fn nothing<T>() -> Result<T, UpstreamError> {
    Err(UpstreamError::new(
        UpstreamErrorKind::Unreachable,
        "nothing",
    ))
}

impl Randomness for Nothing {
    fn bits(&self) -> [u8; 16] {
        [4; 16]
    }
}

impl<Key> RateLimiter<Key> for Nothing {
    fn take(&self, _: &Key) -> Result<(), RateLimitError> {
        Ok(())
    }
}

#[async_trait]
impl Introspection for Nothing {
    async fn introspect(&self, _: &AccessToken) -> Result<Arc<UnverifiedClaims>, UpstreamError> {
        nothing()
    }
}

#[async_trait]
impl Sessions for Nothing {
    async fn assume_role(&self, _: SessionRequest) -> Result<Session, UpstreamError> {
        nothing()
    }
}

#[async_trait]
impl AuditTrail for Nothing {
    async fn record(&self, _: AuditEvent, _: i64) -> Result<Recorded, RegistryError> {
        Err(RegistryError::new("nothing"))
    }
}

#[async_trait]
impl IssuedSessions for Nothing {
    async fn find(
        &self,
        _: &SessionTokenHash,
        _: DateTime<Utc>,
    ) -> Result<Option<LiveSession>, RegistryError> {
        Ok(None)
    }
}

#[async_trait]
impl RestrictionRegistry for Nothing {
    async fn restrictions(&self) -> Result<Restrictions, RegistryError> {
        Ok(Restrictions::default())
    }
}

#[async_trait]
impl SessionHistory for Nothing {
    async fn issued_to(
        &self,
        _: &CallerId,
        _: DateTime<Utc>,
        _: Option<&RequestId>,
        _: usize,
    ) -> Result<Option<Vec<IssuedSession>>, RegistryError> {
        Ok(Some(Vec::new()))
    }
}

/// No blocks and no revocations.
pub(crate) fn no_restrictions() -> Arc<CurrentRestrictions> {
    let clock = Arc::new(FixedClock);
    Arc::new(CurrentRestrictions::new(
        Arc::new(Nothing),
        clock,
        BucketFormula::default(),
    ))
}

/// An `EnsureBucket` over these fakes.
pub(crate) fn test_ensure_bucket() -> EnsureBucket {
    let settings = EnsureBucketSettings {
        deployment: "test".to_owned(),
        recheck: Duration::from_mins(1),
        adopt: false,
        adopt_from: Vec::new(),
    };
    let ports = EnsureBucketPorts {
        registry: Arc::<FakeBucketRegistry>::default(),
        buckets: Arc::<FakeBuckets>::default(),
        runtime: Handle::current(),
    };
    EnsureBucket::new(ports, settings)
}

/// An `IssueSession` over these fakes.
pub(crate) fn test_issue() -> IssueSession {
    let ports = IssueSessionPorts {
        rate_limiter: Arc::new(Nothing),
        ensure_bucket: Arc::new(test_ensure_bucket()),
        sessions: Arc::new(Nothing),
        restrictions: no_restrictions(),
        audit_trail: Arc::new(Nothing),
        clock: Arc::new(FixedClock),
    };
    let settings = IssueSessionSettings {
        formula: BucketFormula::default(),
        session_policies: SessionPolicySettings::default(),
        session_duration: Duration::from_hours(1),
        cap_to_token_expiry: false,
        session_reuse: None,
    };
    IssueSession::new(ports, settings)
}
