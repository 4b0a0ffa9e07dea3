//! The use case "revoke": sessions that are out stop working, and new ones may be had again.

mod end;
mod error;
mod parts;
mod ports;
mod report;
mod telling;
mod under_way;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::runtime::Handle;

use crate::domain::{AuditCause, AuditEvent, Concerned, Owner, RequestId};

use super::waiting::{Side, Waiting};
use super::{Deadline, Directory, RegistryError};

use parts::Part;

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
pub(super) const LONGEST_SESSION: TimeDelta = TimeDelta::seconds(12 * 3_600 + 60);

/// Why a store that goes by a mark cannot end sessions without.
const UNMARKED: &str =
    "sessions from before the upgrade to schema 9 cannot be ended and work until they expire";

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
        let waiting = Waiting::begin(Side::Registry);
        self.revoke_counting(of, cause, patience, &waiting).await
    }

    async fn revoke_counting(
        &self,
        of: &SessionsOf,
        cause: AuditCause,
        patience: Duration,
        waiting: &Waiting,
    ) -> Result<RevocationReport, RevokeError> {
        if let SessionsOf::Owner(Owner::AccessKey(id)) = of {
            return Err(RevokeError::AccessKey(id.clone()));
        }
        let party = self.party(of).await?;
        let turn = self.under_way.turn().await;
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
        drop(turn);
        let ended = self.end_all(of, patience, waiting).await;
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
        let _turn = self.under_way.turn().await;
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
            let _turn = self.under_way.turn().await;
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

    /// The same in a task, one at a time for each caller. It goes on if the caller goes away or the deadline
    /// passes.
    ///
    /// # Errors
    ///
    /// See [`Self::revoke`]; [`RevokeError::UnderWay`]; after the deadline, a timeout of the slower of
    /// registry and store.
    pub async fn revoke_detached(
        self: Arc<Self>,
        of: SessionsOf,
        cause: AuditCause,
        patience: Duration,
        deadline: Deadline,
    ) -> Result<RevocationReport, RevokeError> {
        let runtime = self.runtime.clone();
        let place = self.under_way.take(&cause.caller);
        let place = place.ok_or(RevokeError::UnderWay)?;
        let waiting = Arc::new(Waiting::begin(Side::Registry));
        let counted = Arc::clone(&waiting);
        let revoking = async move {
            let _place = place;
            self.revoke_counting(&of, cause, patience, &counted).await
        };
        match deadline.limit_all(runtime.spawn(revoking)).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(RegistryError::new("the revocation was cut off").into()),
            Err(_) => Err(waiting.timed_out("the revocation")),
        }
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
        waiting: &Waiting,
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
        let unmarked = self.unmarked(&live).await?;
        for part in self.parts(of, &live, before) {
            let ending = self.end_part(of, part, &unmarked, patience, waiting);
            match ending.await {
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

    /// The sessions that the store cannot end, because they carry no mark.
    async fn unmarked<'a>(
        &self,
        live: &'a [LiveSession],
    ) -> Result<Vec<&'a LiveSession>, RegistryError> {
        if !self.end.revoker.ends_marked_only() {
            return Ok(Vec::new());
        }
        let since = self.registry.marked_since().await?;
        let unmarked = live.iter().filter(|one| one.request_id.time() < since);
        Ok(unmarked.collect())
    }

    /// Ends the sessions of one part; none if there is no such storage and no session.
    async fn end_part(
        &self,
        of: &SessionsOf,
        part: Part,
        unmarked: &[&LiveSession],
        patience: Duration,
        waiting: &Waiting,
    ) -> Result<Option<RevokedStorage>, RevokeError> {
        // What sessions open, even if the registry has forgotten it since.
        let grant = match &part.opened {
            Some(grant) => grant.clone(),
            None => match self.grant(&part.owner).await? {
                Some(grant) => grant,
                None => return Ok(None),
            },
        };
        let mut ended = self.tell(of, &part, &grant, patience, waiting).await?;
        if !part.last.is_live && !ended.is_told && ended.strength == Strength::Immediate {
            // There is no bucket either.
            return Ok(None);
        }
        let unmarked = unmarked.iter().filter(|one| one.owner == part.owner);
        if let Some(at) = unmarked.map(|one| one.expiration).max()
            && ended.strength == Strength::Immediate
        {
            ended.strength = Strength::AtExpiry { at, why: UNMARKED };
        }
        ended.others |= part.is_wider;
        Ok(Some(RevokedStorage {
            owner: part.owner,
            bucket: grant.bucket,
            sessions: part.count,
            ended,
            ended_at: self.end.clock.now(),
        }))
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
