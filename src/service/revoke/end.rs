//! Ends sessions at the store, and proves it with a session of the gateway's own.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, sleep};

use crate::domain::{
    Access, BucketFormula, Grant, Owner, RequestId, RoleSessionName, Session, SessionPolicy,
    SessionPolicySettings,
};
use crate::service::{
    Clock, Randomness, SessionRequest, Sessions, UpstreamError, UpstreamErrorKind,
};

use super::ports::{RefusedSessions, Revoker, Told, Tried, WhichSessions};

/// The session that proves a revocation must not expire meanwhile.
const SHORTEST_PROOF: Duration = Duration::from_mins(15);

/// The pause between two attempts to use a session.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(100);

/// A session is refused when so many attempts in a row are: a store may have several nodes.
const REFUSALS: u32 = 3;

/// How long a store may take that is told over several places (AWS: minutes, by its documentation).
const SPREADS_WITHIN: Duration = Duration::from_mins(5);

/// Ends sessions at the store.
#[derive(Clone)]
pub struct EndSessions {
    /// Opens the session that proves it.
    pub sessions: Arc<dyn Sessions>,
    /// Tells the store.
    pub revoker: Arc<dyn Revoker>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Names requests.
    pub randomness: Arc<dyn Randomness>,
    /// Names owners.
    pub formula: BucketFormula,
    /// What session policies have in common.
    pub session_policies: SessionPolicySettings,
    /// How long sessions last.
    pub session_duration: Duration,
    /// Whether the store takes minutes to spread what it is told.
    pub spreads: bool,
}

/// How strongly sessions were ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// The store refuses them now: it refused a session that was opened to prove it.
    Immediate,
    /// The store was told, and refuses them within this time.
    Within(Duration),
    /// They work until they expire.
    AtExpiry {
        /// When the last of them does.
        at: DateTime<Utc>,
        /// Why the store cannot end them.
        why: &'static str,
    },
}

/// When the last of the sessions expires.
#[derive(Clone, Copy, Debug)]
pub struct LastExpiry {
    /// The time; that of a session that was opened now, if none is known.
    pub at: DateTime<Utc>,
    /// Whether any is known to be live.
    pub is_live: bool,
}

/// Sessions that were ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How strongly.
    pub strength: Strength,
    /// Whether other callers' sessions to the same storage were ended, too.
    pub others: bool,
    /// Whether the store has to be told again when they have expired.
    pub is_told: bool,
    /// Whether the store refuses new sessions, too.
    pub refuses_new: bool,
}

/// A session of the gateway's own that the store takes, to see it refused.
pub(super) struct Proof {
    session: Session,
    name: RoleSessionName,
    /// Read access to what the sessions open.
    grant: Grant,
}

impl EndSessions {
    /// Has the store refuse sessions to this grant of the owner's, the last of which expires at `last`.
    /// Waits so long at most for its refusal. Nobody may open sessions for the owner meanwhile.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`] when the store cannot be asked.
    pub async fn end(
        &self,
        owner: &Owner,
        grant: &Grant,
        refused: RefusedSessions,
        last: LastExpiry,
        patience: Duration,
    ) -> Result<Ended, UpstreamError> {
        match self.prove(owner, grant, last).await? {
            ControlFlow::Break(ended) => Ok(ended),
            ControlFlow::Continue(proof) => {
                self.end_with(&proof, owner, refused, last, patience).await
            }
        }
    }

    /// Opens the session whose refusal will prove the revocation. Breaks off where there is nothing to
    /// tell the store.
    pub(super) async fn prove(
        &self,
        owner: &Owner,
        grant: &Grant,
        last: LastExpiry,
    ) -> Result<ControlFlow<Ended, Proof>, UpstreamError> {
        let grant = Grant {
            access: Access::Read,
            ..grant.clone()
        };
        let (session, name) = self.open(owner, &grant).await?;
        Ok(match self.revoker.try_session(&session, &grant).await? {
            // Sessions open the bucket if it comes back.
            Tried::NoBucket if last.is_live => {
                ControlFlow::Break(last.at_expiry("the bucket does not exist"))
            }
            Tried::NoBucket => ControlFlow::Break(Ended::without_telling(Strength::Immediate)),
            Tried::Refused => {
                ControlFlow::Break(last.at_expiry("the store refuses the test session already"))
            }
            Tried::Taken => ControlFlow::Continue(Proof {
                session,
                name,
                grant,
            }),
        })
    }

    /// Has the store refuse the sessions, the proof among them.
    pub(super) async fn end_with(
        &self,
        proof: &Proof,
        owner: &Owner,
        mut refused: RefusedSessions,
        last: LastExpiry,
        patience: Duration,
    ) -> Result<Ended, UpstreamError> {
        let Proof {
            session: proof,
            name,
            grant,
        } = proof;
        match &mut refused.which {
            WhichSessions::Named(names) => names.push(name.clone()),
            WhichSessions::Before(before) => {
                let after_proof = self.clock.now() + TimeDelta::milliseconds(1);
                *before = after_proof.max(*before);
            }
        }
        let (pause, others) = match self.revoker.refuse(&refused).await? {
            Told::Yes { pause, all } => {
                let is_all = matches!(refused.which, WhichSessions::Before(_));
                (pause, all && !is_all)
            }
            Told::No(why) => return Ok(last.at_expiry(why)),
        };
        let told_at = Instant::now();
        let is_refused = self.is_refused(proof, grant, patience).await?;
        if !is_refused && !self.spreads {
            // What the store was told can only help, and replaces what it was told before.
            let is_told = true;
            return Ok(Ended {
                is_told,
                ..last.at_expiry("the store goes on taking them")
            });
        }
        sleep((told_at + pause).saturating_duration_since(Instant::now())).await;
        if !self.spreads && !self.takes_new(owner, grant, patience).await? {
            return Ok(Ended {
                is_told: true,
                refuses_new: true,
                ..last.at_expiry("the store would refuse new sessions, too")
            });
        }
        let strength = if self.spreads {
            Strength::Within(SPREADS_WITHIN)
        } else {
            Strength::Immediate
        };
        Ok(Ended {
            strength,
            others,
            is_told: true,
            refuses_new: false,
        })
    }

    /// Whether the store takes a session that is opened now, sooner or later.
    async fn takes_new(
        &self,
        owner: &Owner,
        grant: &Grant,
        patience: Duration,
    ) -> Result<bool, UpstreamError> {
        let end = Instant::now() + patience;
        loop {
            let (session, _) = self.open(owner, grant).await?;
            if self.revoker.try_session(&session, grant).await? == Tried::Taken {
                return Ok(true);
            }
            if Instant::now() >= end {
                return Ok(false);
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
    }

    async fn is_refused(
        &self,
        session: &Session,
        grant: &Grant,
        patience: Duration,
    ) -> Result<bool, UpstreamError> {
        let end = Instant::now() + patience;
        let mut refusals = 0;
        while refusals < REFUSALS {
            match self.revoker.try_session(session, grant).await? {
                Tried::Refused => refusals += 1,
                Tried::Taken | Tried::NoBucket if Instant::now() >= end => return Ok(false),
                Tried::Taken | Tried::NoBucket => {
                    refusals = 0;
                    sleep(BETWEEN_ATTEMPTS).await;
                }
            }
        }
        Ok(true)
    }

    /// Opens a session that can read what the grant opens, as a call of the owner's does.
    async fn open(
        &self,
        owner: &Owner,
        grant: &Grant,
    ) -> Result<(Session, RoleSessionName), UpstreamError> {
        let policy = SessionPolicy::for_grant(grant, &self.session_policies);
        let policy = policy
            .map_err(|error| UpstreamError::new(UpstreamErrorKind::Refused, error.to_string()))?;
        let request = RequestId::at(self.clock.now(), self.randomness.bits());
        let name = RoleSessionName::new(&self.formula.digest(owner), &request);
        let session = self.sessions.assume_role(SessionRequest {
            policy,
            name: name.clone(),
            duration: SHORTEST_PROOF.max(self.session_duration),
        });
        Ok((session.await?, name))
    }
}

impl LastExpiry {
    pub(super) fn at_expiry(self, why: &'static str) -> Ended {
        Ended::without_telling(Strength::AtExpiry { at: self.at, why })
    }
}

impl Ended {
    fn without_telling(strength: Strength) -> Self {
        Self {
            strength,
            others: false,
            is_told: false,
            refuses_new: false,
        }
    }
}
