//! The use case "revoke": sessions that are out stop working, and new ones may be had again.

mod end;
mod error;
mod ports;
mod report;
mod under_way;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::domain::{
    Access, AuditCause, AuditEvent, BucketName, CallerId, Concerned, Grant, Owner, OwnerPseudonym,
    RequestId, RoleSessionName,
};

use super::{Directory, RegistryError};

pub use end::{EndSessions, Ended, LastExpiry, Strength};
pub use error::RevokeError;
pub use ports::{
    LiveSession, RefusedSessions, Revocation, RevocationRegistry, RevokedParty, Revoker,
    SessionsOf, Statement, Told, Tried, WhichSessions,
};
pub use report::{RevocationReport, RevokedStorage};
pub use under_way::UnderWay;

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
const MAX_SESSIONS: u32 = 250_000;

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
    /// The callers whose requests are being fulfilled.
    pub under_way: UnderWay,
}

/// The sessions to end in one owner's storage.
struct Part {
    owner: Owner,
    /// As the sessions open it; none if no session is live.
    opened: Option<Grant>,
    which: WhichSessions,
    /// Whether that is more than was asked for.
    is_wider: bool,
    last: LastExpiry,
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
        if let SessionsOf::Owner(Owner::AccessKey(id)) = of {
            return Err(RevokeError::AccessKey(id.clone()));
        }
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
        if let Ok((report, _)) = &ended {
            self.revoke_others(report, &revocation, &cause).await?;
        }
        let event = AuditEvent::change(self.anew(&cause), "revoke end", about).with_detail(result);
        self.registry.finish(&revocation, &event).await?;
        ended.map(|(report, _)| report)
    }

    /// Where the sessions of others were ended, too, gateways must not hand those out again.
    async fn revoke_others(
        &self,
        report: &RevocationReport,
        revocation: &Revocation,
        cause: &AuditCause,
    ) -> Result<(), RevokeError> {
        let hit = report.storage.iter().filter(|storage| storage.ended.others);
        for storage in hit {
            let others = Revocation {
                of: RevokedParty::Owner(storage.owner.clone()),
                frozen_until: revocation.before,
                ..revocation.clone()
            };
            let event = AuditEvent::change(self.anew(cause), "revoke", storage.owner.clone());
            let event = event.with_detail("owner, with one caller");
            self.registry.begin(&others, &event).await?;
        }
        Ok(())
    }

    /// The same cause, for a further event.
    fn anew(&self, cause: &AuditCause) -> AuditCause {
        let time = self.end.clock.now();
        AuditCause {
            time,
            request_id: RequestId::at(time, self.end.randomness.bits()),
            ..cause.clone()
        }
    }

    /// The same in a task, which goes on if the caller goes away; one at a time for whom it is.
    ///
    /// # Errors
    ///
    /// See [`Self::revoke`]; [`RevokeError::UnderWay`].
    pub async fn revoke_detached(
        self: Arc<Self>,
        of: SessionsOf,
        cause: AuditCause,
        patience: Duration,
    ) -> Result<RevocationReport, RevokeError> {
        let runtime = self.runtime.clone();
        let place = self.under_way.take(&cause.caller);
        let place = place.ok_or(RevokeError::UnderWay)?;
        let revoking = async move {
            let _place = place;
            self.revoke(&of, cause, patience).await
        };
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
        let mut failure = None;
        for part in self.parts(of, &live, before) {
            match self.end_part(of, part, patience).await {
                Ok(ended) => report.storage.extend(ended),
                // The others are ended all the same.
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        Ok((report, before))
    }

    /// What to end in which storage. A caller's own storage is opened by that caller alone.
    fn parts(&self, of: &SessionsOf, live: &[LiveSession], before: DateTime<Utc>) -> Vec<Part> {
        let last = self.end.clock.now() + LONGEST_SESSION;
        let whole = |owner: &Owner| {
            let its = live.iter().filter(|session| session.owner == *owner);
            Part {
                owner: owner.clone(),
                opened: its.clone().next().map(LiveSession::to_read),
                which: WhichSessions::Before(before),
                is_wider: false,
                last: LastExpiry {
                    at: its
                        .clone()
                        .map(|session| session.expiration)
                        .max()
                        .unwrap_or(last),
                    is_live: its.clone().next().is_some(),
                },
                count: its.count(),
            }
        };
        if let SessionsOf::Owner(owner) = of {
            return vec![whole(owner)];
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
            let mut part = whole(&first.owner);
            let is_own = matches!(of, SessionsOf::Caller(_)) && first.is_own();
            if !is_own && names.len() <= MAX_NAMES {
                part.which = WhichSessions::Named(names);
            } else {
                part.is_wider = !is_own;
            }
            Some(part)
        };
        by_owner.into_values().filter_map(part).collect()
    }

    /// What the owner's storage is; none if it has none.
    async fn grant(&self, owner: &Owner) -> Result<Option<Grant>, RegistryError> {
        let area = match owner {
            Owner::Principal(_) => {
                let bucket = self.end.formula.bucket(owner);
                return Ok(Some(Grant::whole(bucket, Access::Read)));
            }
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

    /// Ends the sessions of one part; none if there is no such storage and no session.
    async fn end_part(
        &self,
        of: &SessionsOf,
        part: Part,
        patience: Duration,
    ) -> Result<Option<RevokedStorage>, RevokeError> {
        // What sessions open, even if the registry has forgotten it since.
        let grant = match &part.opened {
            Some(grant) => grant.clone(),
            None => match self.grant(&part.owner).await? {
                Some(grant) => grant,
                None => return Ok(None),
            },
        };
        let mut ended = self.tell(of, &part, &grant, patience).await?;
        ended.others |= part.is_wider;
        Ok(Some(RevokedStorage {
            owner: part.owner,
            bucket: grant.bucket,
            sessions: part.count,
            ended,
            ended_at: self.end.clock.now(),
        }))
    }

    async fn tell(
        &self,
        of: &SessionsOf,
        part: &Part,
        grant: &Grant,
        patience: Duration,
    ) -> Result<Ended, RevokeError> {
        let owner = self.end.formula.digest(&part.owner).pseudonym();
        let statement = Statement {
            bucket: grant.bucket.clone(),
            id: self.statement_id(of, &owner, &part.which),
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

    /// A later revocation for the same owner or caller takes the place of an earlier one, whose sessions
    /// it names, too.
    fn statement_id(
        &self,
        of: &SessionsOf,
        owner: &OwnerPseudonym,
        which: &WhichSessions,
    ) -> String {
        let further = match (which, of) {
            (WhichSessions::Before(_), _) => String::new(),
            (_, SessionsOf::Caller(caller)) => self.letters_and_digits(caller),
            _ => hex::encode(self.end.randomness.bits()),
        };
        format!("CloakroomRevoked{owner}{further}")
    }

    fn letters_and_digits(&self, caller: &CallerId) -> String {
        if let CallerId::Principal(principal) = caller {
            let owner = Owner::Principal(principal.clone());
            return self.end.formula.digest(&owner).pseudonym().to_string();
        }
        caller
            .id()
            .replace(|c: char| !c.is_ascii_alphanumeric(), "")
    }
}

impl LiveSession {
    /// What it opens, to read.
    fn to_read(&self) -> Grant {
        Grant {
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            access: Access::Read,
        }
    }

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
