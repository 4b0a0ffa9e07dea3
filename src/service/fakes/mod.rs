//! Fakes behind the ports, for the tests of this layer.

mod access_key_registry;
mod access_keys;
mod broker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};

use crate::domain::{
    Access, AccessToken, ApiKeyHash, ApiKeyId, BucketFormula, BucketName, BucketOwner, ClientId,
    Member, Organisation, Owner, Principal, RegisteredApiKey, Session, SessionEvent, Slug, Subject,
    UnverifiedClaims, Workspace, WorkspaceName,
};

pub(crate) use access_key_registry::FakeAccessKeyRegistry;
pub(crate) use access_keys::test_rotate_key;
pub(crate) use broker::FakeBroker;

use super::{
    AuditTrail, BucketRegistry, Buckets, Clock, Creation, Directory, EnsureBucket,
    EnsureBucketSettings, Introspection, IssueSession, IssueSessionPorts, IssueSessionSettings,
    Presence, Randomness, RateLimitError, RateLimiter, RegistryError, ReservationState,
    ReserveOutcome, SessionRequest, Sessions, UpstreamError, UpstreamErrorKind,
};

pub(crate) fn principal(client_id: &str, subject: &str) -> Owner {
    Owner::Principal(Principal {
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

#[derive(Default)]
pub(crate) struct FakeBucketRegistry(Mutex<HashMap<BucketOwner, (BucketName, ReservationState)>>);

impl FakeBucketRegistry {
    pub(crate) fn state(&self, owner: &Owner) -> Option<ReservationState> {
        let bucket_owner = owner.bucket_owner(&bucket_of(owner));
        let rows = self.0.lock().unwrap();
        rows.get(&bucket_owner).map(|(_, state)| *state)
    }

    /// As an operator's release of the bucket does.
    pub(crate) fn forget(&self, owner: &Owner) {
        let bucket_owner = owner.bucket_owner(&bucket_of(owner));
        self.0.lock().unwrap().remove(&bucket_owner);
    }
}

#[async_trait]
impl BucketRegistry for FakeBucketRegistry {
    async fn reserve(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
    ) -> Result<ReserveOutcome, RegistryError> {
        let mut rows = self.0.lock().unwrap();
        if rows
            .iter()
            .any(|(other, row)| other != bucket_owner && row.0 == *bucket)
        {
            return Ok(ReserveOutcome::Conflict);
        }
        let row = rows
            .entry(bucket_owner.clone())
            .or_insert_with(|| (bucket.clone(), ReservationState::Reserved));
        Ok(if row.0 == *bucket {
            ReserveOutcome::Reserved(row.1)
        } else {
            ReserveOutcome::Conflict
        })
    }

    async fn advance(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
        to: ReservationState,
    ) -> Result<(), RegistryError> {
        match self.0.lock().unwrap().get_mut(bucket_owner) {
            Some((reserved, state)) if reserved == bucket => {
                *state = to.max(*state);
                Ok(())
            }
            _ => Err(RegistryError::not_reserved()),
        }
    }
}

pub(crate) struct FakeBuckets {
    calls: Mutex<Vec<&'static str>>,
    present: Mutex<HashMap<BucketName, Presence>>,
    markers: Mutex<HashMap<BucketName, String>>,
    refuse_once: Mutex<Option<&'static str>>,
    fail_once: Mutex<Option<&'static str>>,
    arrived: Notify,
    gate: Semaphore,
}

impl Default for FakeBuckets {
    fn default() -> Self {
        Self {
            calls: Mutex::default(),
            present: Mutex::default(),
            markers: Mutex::default(),
            refuse_once: Mutex::default(),
            fail_once: Mutex::default(),
            arrived: Notify::new(),
            gate: Semaphore::new(1),
        }
    }
}

impl FakeBuckets {
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn put(&self, bucket: &BucketName, presence: Presence) {
        self.present
            .lock()
            .unwrap()
            .insert(bucket.clone(), presence);
    }

    /// The named call does its work, and then its answer is lost.
    pub(crate) fn fail_once_after(&self, call: &'static str) {
        *self.fail_once.lock().unwrap() = Some(call);
    }

    /// The named call does nothing and fails.
    pub(crate) fn refuse_once(&self, call: &'static str) {
        *self.refuse_once.lock().unwrap() = Some(call);
    }

    fn refuses(&self, call: &'static str) -> bool {
        let mut refuse_once = self.refuse_once.lock().unwrap();
        let refuses = *refuse_once == Some(call);
        if refuses {
            *refuse_once = None;
        }
        refuses
    }

    pub(crate) fn hold(&self) {
        self.gate.try_acquire().unwrap().forget();
    }

    /// Waits for a call, which may be held.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    pub(crate) fn release(&self) {
        self.gate.add_permits(1);
    }

    async fn called(&self, call: &'static str) {
        self.arrived.notify_one();
        drop(self.gate.acquire().await);
        self.calls.lock().unwrap().push(call);
    }

    fn answer<T>(&self, call: &'static str, value: T) -> Result<T, UpstreamError> {
        let mut fail_once = self.fail_once.lock().unwrap();
        if *fail_once == Some(call) {
            *fail_once = None;
            return Err(UpstreamError::new(UpstreamErrorKind::Unreachable, "lost"));
        }
        Ok(value)
    }
}

#[async_trait]
impl Buckets for FakeBuckets {
    async fn look(&self, bucket: &BucketName) -> Result<Presence, UpstreamError> {
        self.called("look").await;
        let present = self.present.lock().unwrap().get(bucket).copied();
        self.answer("look", present.unwrap_or(Presence::Missing))
    }

    async fn create(&self, bucket: &BucketName) -> Result<Creation, UpstreamError> {
        self.called("create").await;
        if self.refuses("create") {
            return nothing();
        }
        let before = self
            .present
            .lock()
            .unwrap()
            .insert(bucket.clone(), Presence::Ours);
        let creation = match before {
            Some(Presence::Ours) => Creation::AlreadyOurs,
            Some(Presence::Foreign) => Creation::Foreign,
            Some(Presence::Hidden) => return nothing(),
            Some(Presence::Missing) | None => Creation::Made,
        };
        self.answer("create", creation)
    }

    async fn marker(&self, bucket: &BucketName) -> Result<Option<String>, UpstreamError> {
        self.called("marker").await;
        Ok(self.markers.lock().unwrap().get(bucket).cloned())
    }

    async fn furnish(&self, bucket: &BucketName, deployment: &str) -> Result<(), UpstreamError> {
        self.called("furnish").await;
        let mut markers = self.markers.lock().unwrap();
        markers.insert(bucket.clone(), deployment.to_owned());
        self.answer("furnish", ())
    }
}

/// Noon, always.
pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }
}

/// Every port that can fail, failing.
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
    async fn record(&self, _: SessionEvent) -> Result<(), RegistryError> {
        Err(RegistryError::new("nothing"))
    }
}

/// What is in it is there, and nothing else.
#[derive(Default)]
pub(crate) struct FakeDirectory {
    pub(crate) organisations: Vec<Organisation>,
    pub(crate) workspaces: Vec<Workspace>,
    pub(crate) members: Vec<(WorkspaceName, Member)>,
    /// The API keys of today; the registry fails without any.
    pub(crate) live_keys: Mutex<Option<Vec<ApiKeyHash>>>,
    /// Whether it never answers about workspaces.
    pub(crate) hangs: bool,
}

#[async_trait]
impl Directory for FakeDirectory {
    async fn api_key(&self, _: &ApiKeyId) -> Result<Option<RegisteredApiKey>, RegistryError> {
        Ok(None)
    }

    async fn live_api_keys(
        &self,
        _: DateTime<Utc>,
        _: u32,
    ) -> Result<Vec<ApiKeyHash>, RegistryError> {
        let keys = self.live_keys.lock().unwrap().clone();
        keys.ok_or_else(|| RegistryError::new("away"))
    }

    async fn note_use(&self, _: &ApiKeyId, _: DateTime<Utc>) -> Result<(), RegistryError> {
        Ok(())
    }

    async fn organisation(&self, slug: &Slug) -> Result<Option<Organisation>, RegistryError> {
        let mut named = self
            .organisations
            .iter()
            .filter(|found| found.slug == *slug);
        Ok(named.next().cloned())
    }

    async fn workspace(&self, name: &WorkspaceName) -> Result<Option<Workspace>, RegistryError> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        let mut named = self.workspaces.iter().filter(|found| found.name == *name);
        Ok(named.next().cloned())
    }

    async fn membership(
        &self,
        name: &WorkspaceName,
        principal: &Principal,
    ) -> Result<Option<Access>, RegistryError> {
        let theirs = self.members.iter().filter(|(workspace, member)| {
            let through = member.client_id.as_ref();
            workspace == name
                && member.subject == principal.subject
                && through.is_none_or(|client_id| *client_id == principal.client_id)
        });
        Ok(theirs.map(|(_, member)| member.access).max())
    }
}

/// An `IssueSession` over these fakes.
pub(crate) fn test_issue() -> IssueSession {
    let settings = EnsureBucketSettings {
        deployment: "test".to_owned(),
        recheck: Duration::from_mins(1),
        adopt: false,
        adopt_from: Vec::new(),
    };
    let (registry, buckets) = (
        Arc::<FakeBucketRegistry>::default(),
        Arc::<FakeBuckets>::default(),
    );
    let ensure_bucket = EnsureBucket::new(registry, buckets, settings, Handle::current());
    let ports = IssueSessionPorts {
        rate_limiter: Arc::new(Nothing),
        ensure_bucket: Arc::new(ensure_bucket),
        sessions: Arc::new(Nothing),
        audit_trail: Arc::new(Nothing),
        clock: Arc::new(FixedClock),
    };
    let settings = IssueSessionSettings {
        formula: BucketFormula::default(),
        extra_actions: Vec::new(),
        session_duration: Duration::from_hours(1),
        cap_to_token_expiry: false,
    };
    IssueSession::new(ports, settings)
}
