//! The use case "revoke": sessions that are out stop working, and new ones may be had again.

mod end;
mod error;
mod ports;
mod report;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::domain::{
    Access, AuditCause, AuditEvent, BucketName, Concerned, Grant, Owner, OwnerPseudonym, RequestId,
    RoleSessionName,
};

use super::{Directory, RegistryError};

pub use end::{EndSessions, Ended, Strength};
pub use error::RevokeError;
pub use ports::{
    LiveSession, RefusedSessions, Revocation, RevocationRegistry, RevokedParty, Revoker,
    SessionsOf, Statement, Told, Tried, WhichSessions,
};
pub use report::{RevocationReport, RevokedStorage};

/// How long a gateway opens no sessions for whom it revokes at most, if it is killed meanwhile.
const FREEZE: TimeDelta = TimeDelta::seconds(60);

/// The longest session (contract: `storage.session_duration`), and a minute more, because clocks differ.
const LONGEST_SESSION: TimeDelta = TimeDelta::seconds(12 * 3_600 + 60);

/// How long one process may keep a bucket's lock.
const LOCK: TimeDelta = TimeDelta::seconds(60);

/// How long to wait for another process's lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The pause between two attempts to take the lock.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(100);

/// The most sessions that a store is told by name: a bucket's policy has at most 20 KB.
const MAX_NAMES: usize = 100;

/// The most live sessions that are looked at.
const MAX_SESSIONS: u32 = 10_000;

/// The use case "revoke sessions".
pub struct RevokeSessions {
    /// Keeps who is being revoked.
    pub registry: Arc<dyn RevocationRegistry>,
    /// Knows where storage is.
    pub directory: Arc<dyn Directory>,
    /// Ends sessions at the store.
    pub end: EndSessions,
    /// Runs revocations that must not end with a request.
    pub runtime: Handle,
}

/// The sessions to end in one owner's storage.
struct Part {
    owner: Owner,
    bucket: BucketName,
    which: WhichSessions,
    last: DateTime<Utc>,
    count: usize,
}

impl RevokeSessions {
    /// Ends the sessions that are out. Until the store has been told, no gateway opens new ones.
    ///
    /// Each store may take `patience` to refuse.
    ///
    /// # Errors
    ///
    /// [`RevokeError`]; then the sessions may go on working.
    pub async fn revoke(
        &self,
        of: &SessionsOf,
        cause: AuditCause,
        patience: Duration,
    ) -> Result<RevocationReport, RevokeError> {
        let party = self.party(of).await?;
        let now = self.end.clock.now();
        let mut revocation = Revocation {
            of: party,
            before: now,
            frozen_until: now + FREEZE,
            over_at: now + LONGEST_SESSION,
        };
        let about = revocation.of.concerned();
        let detail = revocation.of.kind();
        let event = AuditEvent::change(cause.clone(), "revoke", about.clone()).with_detail(detail);
        self.registry.begin(&revocation, &event).await?;
        let ended = self.end_all(of, patience).await;
        revocation.before = self.end.clock.now();
        // A replica's clock may be ahead.
        if let Ok((_, asked)) = &ended {
            revocation.before = revocation.before.max(*asked);
        }
        let result = ended.as_ref().map_or_else(
            |error| format!("failed: {error}"),
            |(report, _)| report.to_string(),
        );
        let cause = AuditCause {
            time: self.end.clock.now(),
            request_id: RequestId::at(self.end.clock.now(), self.end.randomness.bits()),
            ..cause
        };
        let event = AuditEvent::change(cause, "revoke end", about).with_detail(result);
        self.registry.finish(&revocation, &event).await?;
        ended.map(|(report, _)| report)
    }

    /// The same in a task, which goes on if the caller goes away.
    ///
    /// # Errors
    ///
    /// See [`Self::revoke`].
    pub async fn revoke_detached(
        self: Arc<Self>,
        of: SessionsOf,
        cause: AuditCause,
        patience: Duration,
    ) -> Result<RevocationReport, RevokeError> {
        let runtime = self.runtime.clone();
        let revoking = async move { self.revoke(&of, cause, patience).await };
        let done = runtime.spawn(revoking).await;
        done.unwrap_or_else(|_| Err(RegistryError::new("the revocation was cut off").into()))
    }

    /// Takes back what stores were told about sessions that have expired. Returns how many statements
    /// that was.
    ///
    /// # Errors
    ///
    /// [`RevokeError`] of the first that fails.
    pub async fn sweep(&self) -> Result<usize, RevokeError> {
        let now = self.end.clock.now();
        let over = self.registry.statements_over(now).await?;
        for statement in &over {
            self.lock(&statement.bucket).await?;
            let taken = self.end.revoker.take_back(&statement.bucket, &statement.id);
            let taken = taken.await;
            self.registry.unlock(&statement.bucket).await?;
            taken?;
            self.registry.forget_statement(statement).await?;
        }
        self.registry.forget_revocations(now).await?;
        Ok(over.len())
    }

    /// For whom no session is opened meanwhile.
    async fn party(&self, of: &SessionsOf) -> Result<RevokedParty, RevokeError> {
        match of {
            SessionsOf::Owner(owner) => Ok(RevokedParty::Owner(owner.clone())),
            SessionsOf::Caller(caller) => Ok(RevokedParty::Caller(caller.clone())),
            SessionsOf::Key(key) => {
                let now = self.end.clock.now();
                let found = self.registry.live_sessions(of, now, 1).await?;
                let found = found.into_iter().next();
                let session = found.ok_or_else(|| RevokeError::NoSuchSession(key.clone()))?;
                Ok(RevokedParty::Caller(session.caller))
            }
        }
    }

    /// Ends the sessions, and returns when the last of them was asked for.
    async fn end_all(
        &self,
        of: &SessionsOf,
        patience: Duration,
    ) -> Result<(RevocationReport, DateTime<Utc>), RevokeError> {
        let now = self.end.clock.now();
        let live = self.registry.live_sessions(of, now, MAX_SESSIONS).await?;
        let asked = live.iter().map(|session| session.request_id.time()).max();
        // One more millisecond: the store is told of sessions that were asked for before.
        let before = asked.map_or(now, |asked| now.max(asked + TimeDelta::milliseconds(1)));
        let mut report = RevocationReport {
            sessions: live.len(),
            storage: Vec::new(),
        };
        for part in self.parts(of, &live, before) {
            let Some(grant) = self.grant(&part.owner, &part.bucket).await? else {
                continue;
            };
            let ended = self.end_part(&part, &grant, patience).await?;
            report.storage.push(RevokedStorage {
                owner: part.owner,
                bucket: grant.bucket,
                sessions: part.count,
                ended,
                ended_at: self.end.clock.now(),
            });
        }
        Ok((report, before))
    }

    /// What to end in which storage. A caller's own storage is opened by that caller alone.
    fn parts(&self, of: &SessionsOf, live: &[LiveSession], before: DateTime<Utc>) -> Vec<Part> {
        let last = self.end.clock.now() + LONGEST_SESSION;
        let whole = |owner: &Owner, bucket: BucketName| {
            let its = live.iter().filter(|session| session.owner == *owner);
            Part {
                owner: owner.clone(),
                bucket,
                which: WhichSessions::Before(before),
                last: its
                    .clone()
                    .map(|session| session.expiration)
                    .max()
                    .unwrap_or(last),
                count: its.count(),
            }
        };
        if let SessionsOf::Owner(owner) = of {
            return vec![whole(owner, self.end.formula.bucket(owner))];
        }
        let mut by_owner: BTreeMap<String, Vec<&LiveSession>> = BTreeMap::new();
        for session in live {
            let sessions = by_owner.entry(session.owner.to_string()).or_default();
            sessions.push(session);
        }
        let part = |sessions: Vec<&LiveSession>| {
            let first = sessions.first()?;
            let digest = self.end.formula.digest(&first.owner);
            let names = sessions.iter();
            let names = names.map(|session| RoleSessionName::new(&digest, &session.request_id));
            let mut names: Vec<RoleSessionName> = names.collect();
            names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
            names.dedup();
            let mut part = whole(&first.owner, first.bucket.clone());
            let is_own = matches!(of, SessionsOf::Caller(_)) && first.is_own();
            if !is_own && names.len() <= MAX_NAMES {
                part.which = WhichSessions::Named(names);
            }
            Some(part)
        };
        by_owner.into_values().filter_map(part).collect()
    }

    /// What the owner's storage is; none if it no longer has any.
    async fn grant(
        &self,
        owner: &Owner,
        bucket: &BucketName,
    ) -> Result<Option<Grant>, RegistryError> {
        let area = match owner {
            Owner::Principal(_) => return Ok(Some(Grant::whole(bucket.clone(), Access::Read))),
            Owner::Organisation(slug) => {
                let found = self.directory.organisation(slug).await?;
                found.map(|organisation| organisation.area)
            }
            Owner::Workspace(name) => {
                let found = self.directory.workspace(name).await?;
                found.map(|workspace| workspace.area)
            }
            Owner::AccessKey(_) => None,
        };
        Ok(area.map(|area| area.grant(Access::Read)))
    }

    async fn end_part(
        &self,
        part: &Part,
        grant: &Grant,
        patience: Duration,
    ) -> Result<Ended, RevokeError> {
        let owner = self.end.formula.digest(&part.owner).pseudonym();
        let statement = Statement {
            bucket: grant.bucket.clone(),
            id: self.statement_id(&owner, &part.which),
            over_at: self.end.clock.now() + LONGEST_SESSION,
        };
        let refused = RefusedSessions {
            id: statement.id.clone(),
            owner,
            bucket: grant.bucket.clone(),
            which: part.which.clone(),
        };
        self.lock(&statement.bucket).await?;
        let ending = async {
            // First: what a store was told must not be forgotten.
            self.registry.add_statement(&statement).await?;
            let end = &self.end;
            let ended = end.end(&part.owner, grant, refused, part.last, patience);
            let ended = ended.await?;
            if !ended.is_told {
                self.registry.forget_statement(&statement).await?;
            }
            Ok(ended)
        };
        let ended = ending.await;
        self.registry.unlock(&statement.bucket).await?;
        ended
    }

    async fn lock(&self, bucket: &BucketName) -> Result<(), RevokeError> {
        let end = Instant::now() + LOCK_PATIENCE;
        loop {
            let now = self.end.clock.now();
            if self.registry.lock(bucket, now, now + LOCK).await? {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(RevokeError::Locked(bucket.clone()));
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
    }

    /// A later revocation of all of an owner's sessions takes the place of an earlier one.
    fn statement_id(&self, owner: &OwnerPseudonym, which: &WhichSessions) -> String {
        match which {
            WhichSessions::Before(_) => format!("CloakroomRevoked{owner}"),
            WhichSessions::Named(_) => {
                format!(
                    "CloakroomRevoked{}",
                    hex::encode(self.end.randomness.bits())
                )
            }
        }
    }
}

impl LiveSession {
    /// Whether the storage is the caller's own.
    fn is_own(&self) -> bool {
        self.caller.to_string() == self.owner.to_string()
    }
}

impl RevokedParty {
    fn concerned(&self) -> Concerned {
        match self {
            Self::Owner(owner) => Concerned::Owner(owner.clone()),
            Self::Caller(caller) => Concerned::Caller(caller.clone()),
        }
    }
}
