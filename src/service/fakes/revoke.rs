use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::domain::{AuditEvent, BucketFormula, BucketName, Grant, Session, SessionPolicySettings};
use crate::service::{
    Clock as _, EndSessions, LiveSession, RefusedSessions, RegistryError, Revocation,
    RevocationRegistry, RevokeSessions, Revoker, SessionRequest, Sessions, SessionsOf, Statement,
    Told, Tried, UnderWay, UpstreamError,
};

use super::{FakeDirectory, FixedClock, Nothing};

/// A store with the registry of a gateway, for revocations.
#[derive(Default)]
pub(crate) struct FakeStore(Mutex<Inner>);

/// What a test looks at and changes.
#[derive(Default)]
pub(crate) struct Inner {
    /// The sessions that the audit trail has.
    pub(crate) live: Vec<LiveSession>,
    /// What the store was told and has not forgotten.
    pub(crate) told: Vec<RefusedSessions>,
    /// What the registry knows of that.
    pub(crate) statements: Vec<Statement>,
    /// The events, by action and detail.
    pub(crate) events: Vec<(&'static str, String)>,
    /// The last revocation, and whether it is finished.
    pub(crate) revocation: Option<(Revocation, bool)>,
    /// What is wrong with the store.
    pub(crate) flaw: Option<Flaw>,
    /// Since when sessions carry a mark, if the store ends only those.
    pub(crate) marked_since: Option<DateTime<Utc>>,
    /// Until when the lock is taken.
    pub(crate) locked_until: Option<DateTime<Utc>>,
    /// How often the registry was asked to release it.
    pub(crate) releases: u32,
    /// Renews all statements while a sweep waits for the lock.
    pub(crate) renews: bool,
}

/// What can be wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It cannot be told.
    Dumb,
    /// It ignores what it is told.
    Deaf,
    /// It refuses new sessions, too.
    RefusesAll,
    /// It cannot tell the callers of an owner apart.
    KnowsOwnersOnly,
    /// Another process holds the lock.
    Locked,
    /// It does not answer about the first statement.
    Silent,
    /// It has no buckets.
    NoBucket,
    /// It takes three seconds to be told.
    Slow,
    /// The registry takes a second to begin, and one for each statement.
    SlowRegistry,
    /// The registry takes the lock and does not say so, and fails to release it at first.
    LockUnheard,
    /// The registry fails to release the lock at first.
    UnlockFails,
}

impl FakeStore {
    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    async fn delay(&self, flaw: Flaw, delay: Duration) {
        if self.inner().flaw == Some(flaw) {
            sleep(delay).await;
        }
    }

    fn was_told_of(&self, owner: &str) -> bool {
        let inner = self.inner();
        inner.told.iter().any(|told| told.owner.as_str() == owner)
    }
}

#[async_trait]
impl Sessions for FakeStore {
    async fn assume_role(&self, request: SessionRequest) -> Result<Session, UpstreamError> {
        let owner = request.name.owner();
        // A session that is opened after the store was told is a new one.
        let age = if self.was_told_of(owner) {
            "new"
        } else {
            "old"
        };
        Ok(Session {
            access_key_id: format!("{age} {owner}"),
            secret_access_key: SecretString::from("secret"),
            session_token: SecretString::from("token"),
            expiration: FixedClock.now() + request.duration,
        })
    }
}

#[async_trait]
impl Revoker for FakeStore {
    async fn refuse(&self, sessions: &RefusedSessions) -> Result<Told, UpstreamError> {
        self.delay(Flaw::Slow, Duration::from_secs(3)).await;
        let mut inner = self.inner();
        if inner.flaw == Some(Flaw::Dumb) {
            return Ok(Told::No("it has no policies"));
        }
        inner.told.retain(|told| told.id != sessions.id);
        inner.told.push(sessions.clone());
        Ok(Told::Yes {
            pause: Duration::ZERO,
            all: inner.flaw == Some(Flaw::KnowsOwnersOnly),
        })
    }

    fn ends_marked_only(&self) -> bool {
        self.inner().marked_since.is_some()
    }

    async fn take_back(&self, _: &BucketName, id: &str) -> Result<(), UpstreamError> {
        let mut inner = self.inner();
        let first = inner.statements.first().map(|first| first.id.as_str());
        if inner.flaw == Some(Flaw::Silent) && first == Some(id) {
            return Err(UpstreamError::timeout("the policy"));
        }
        inner.told.retain(|told| told.id != id);
        Ok(())
    }

    async fn try_session(&self, session: &Session, _: &Grant) -> Result<Tried, UpstreamError> {
        let id = session.access_key_id.split_once(' ');
        let (age, owner) = id.unwrap_or_default();
        let was_told = self.was_told_of(owner);
        let flaw = self.inner().flaw;
        if flaw == Some(Flaw::NoBucket) {
            return Ok(Tried::NoBucket);
        }
        let is_refused = age == "old" || flaw == Some(Flaw::RefusesAll);
        Ok(if was_told && is_refused && flaw != Some(Flaw::Deaf) {
            Tried::Refused
        } else {
            Tried::Taken
        })
    }
}

#[async_trait]
impl RevocationRegistry for FakeStore {
    async fn begin(
        &self,
        revocation: &Revocation,
        event: &AuditEvent,
    ) -> Result<(), RegistryError> {
        self.delay(Flaw::SlowRegistry, Duration::from_secs(1)).await;
        let mut inner = self.inner();
        inner.events.push((event.action, event.detail.clone()));
        inner.revocation = Some((revocation.clone(), false));
        Ok(())
    }

    async fn finish(
        &self,
        revocation: &Revocation,
        event: &AuditEvent,
    ) -> Result<(), RegistryError> {
        self.delay(Flaw::SlowRegistry, Duration::from_secs(1)).await;
        let mut inner = self.inner();
        inner.events.push((event.action, event.detail.clone()));
        inner.revocation = Some((revocation.clone(), true));
        Ok(())
    }

    async fn lock(
        &self,
        _: &BucketName,
        _: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<bool, RegistryError> {
        let mut inner = self.inner();
        if inner.renews {
            for statement in &mut inner.statements {
                statement.over_at = FixedClock.now() + Duration::from_hours(1);
            }
        }
        if inner.flaw == Some(Flaw::Locked) {
            return Ok(false);
        }
        inner.locked_until = Some(until);
        if inner.flaw == Some(Flaw::LockUnheard) {
            return Err(RegistryError::late("lock"));
        }
        Ok(true)
    }

    async fn unlock(&self, _: &BucketName, until: DateTime<Utc>) -> Result<(), RegistryError> {
        let mut inner = self.inner();
        inner.releases += 1;
        let fails = matches!(inner.flaw, Some(Flaw::LockUnheard | Flaw::UnlockFails));
        if fails && inner.releases == 1 {
            return Err(RegistryError::late("unlock"));
        }
        inner.locked_until.take_if(|taken| *taken == until);
        Ok(())
    }

    async fn add_statement(&self, statement: &Statement) -> Result<bool, RegistryError> {
        self.delay(Flaw::SlowRegistry, Duration::from_secs(1)).await;
        let statements = &mut self.inner().statements;
        let before = statements.len();
        statements.retain(|one| one.id != statement.id);
        let is_first = statements.len() == before;
        statements.push(statement.clone());
        Ok(is_first)
    }

    async fn statements_over(&self, now: DateTime<Utc>) -> Result<Vec<Statement>, RegistryError> {
        let inner = self.inner();
        let over = inner.statements.iter().filter(|one| one.over_at < now);
        Ok(over.cloned().collect())
    }

    async fn forget_statement(&self, statement: &Statement) -> Result<(), RegistryError> {
        self.inner().statements.retain(|one| one != statement);
        Ok(())
    }

    async fn forget_revocations(&self, _: DateTime<Utc>) -> Result<(), RegistryError> {
        Ok(())
    }

    async fn marked_since(&self) -> Result<DateTime<Utc>, RegistryError> {
        Ok(self.inner().marked_since.unwrap_or_default())
    }

    async fn live_sessions(
        &self,
        of: &SessionsOf,
        _: DateTime<Utc>,
        at_most: u32,
    ) -> Result<Vec<LiveSession>, RegistryError> {
        let is_wanted = |session: &&LiveSession| match of {
            SessionsOf::Owner(owner) => session.owner == *owner,
            SessionsOf::Caller(caller) => session.caller == *caller,
            SessionsOf::Key(key) => key == "ASIA",
        };
        let inner = self.inner();
        let live = inner.live.iter().filter(is_wanted).cloned();
        Ok(live.take(usize::try_from(at_most).unwrap()).collect())
    }
}

/// A `RevokeSessions` over this store.
pub(crate) fn revoke_sessions(store: &Arc<FakeStore>, directory: FakeDirectory) -> RevokeSessions {
    RevokeSessions {
        registry: Arc::<FakeStore>::clone(store),
        directory: Arc::new(directory),
        end: EndSessions {
            sessions: Arc::<FakeStore>::clone(store),
            revoker: Arc::<FakeStore>::clone(store),
            clock: Arc::new(FixedClock),
            randomness: Arc::new(Nothing),
            formula: BucketFormula::default(),
            session_policies: SessionPolicySettings::default(),
            session_duration: Duration::from_hours(1),
            spreads: false,
        },
        runtime: Handle::current(),
        under_way: UnderWay::default(),
    }
}

/// The same over a store of its own.
pub(crate) fn test_revoke_sessions() -> Arc<RevokeSessions> {
    Arc::new(revoke_sessions(&Arc::default(), FakeDirectory::default()))
}
