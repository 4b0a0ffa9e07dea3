use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use moka::Expiry;
use moka::future::Cache;

use crate::domain::{CallerId, Grant, Owner, Session, Share};
use crate::service::{Clock, Refusal};

use super::SHORTEST_SESSION;

/// How many sessions are held. With tokens of 1 KiB they take about 40 MB.
const HELD: u64 = 20_000;

/// Holds sessions in memory, to hand them out again (docs/decisions/session-cache.md).
///
/// Calls with equal keys that come while a session is being opened wait for it, and fail with it. A
/// failure is not handed out to later calls. If the call that opens the session ends early, one of
/// the others opens one. After 200 that end early in a row moka panics, so `opening` has a time limit
/// at which it fails instead.
pub(super) struct ReusedSessions {
    share: Share,
    clock: Arc<dyn Clock>,
    outcomes: Cache<ReuseKey, Outcome>,
}

/// Calls get the same session only if all of this is the same. The rest of a session's policy and
/// its duration are the configuration's, which does not change while the process runs. The gateway's
/// key pair at the store may; where its sessions end with it, the gateway has to restart
/// (docs/limits.md).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ReuseKey {
    /// Who is asking: a session is one caller's, so that it can be ended with the caller's rights.
    pub(super) caller: CallerId,
    /// Whose storage it is.
    pub(super) owner: Owner,
    /// What of it is opened.
    pub(super) grant: Grant,
    /// When the token expires, if the session must not outlive it.
    pub(super) must_end_by: Option<DateTime<Utc>>,
    /// Which sessions have been revoked: later calls do not find those.
    pub(super) revoked_before: Option<DateTime<Utc>>,
}

type Outcome = Result<HeldSession, Refusal>;

#[derive(Clone)]
struct HeldSession {
    session: Arc<Session>,
    opened_at: DateTime<Utc>,
    /// From here on too little of its life remains.
    reused_until: DateTime<Utc>,
}

struct ExpiryOfOutcome;

impl ReusedSessions {
    /// Holds no sessions yet. Each is handed out while this share of its life remains, and 15 min.
    pub(super) fn new(share: Share, clock: Arc<dyn Clock>) -> Self {
        let outcomes = Cache::builder()
            .max_capacity(HELD)
            .expire_after(ExpiryOfOutcome)
            .build();
        Self {
            share,
            clock,
            outcomes,
        }
    }

    /// The session that is held under this key, or the one that `opening` opens.
    pub(super) async fn get_or_open(
        &self,
        key: &ReuseKey,
        opening: impl Future<Output = Result<Session, Refusal>>,
    ) -> Result<Arc<Session>, Refusal> {
        let opening = async {
            let opened_at = self.clock.now();
            opening.await.map(|session| self.hold(session, opened_at))
        };
        let entry = self.outcomes.entry_by_ref(key);
        let entry = entry.or_insert_with_if(opening, |outcome| !self.is_reusable(outcome));
        entry.await.into_value().map(|held| held.session)
    }

    /// Forgets a session that is not on record: no one could tell whose it is.
    pub(super) async fn forget(&self, key: &ReuseKey) {
        self.outcomes.invalidate(key).await;
    }

    fn hold(&self, session: Session, opened_at: DateTime<Utc>) -> HeldSession {
        let life = session.expiration - opened_at;
        let shortest = TimeDelta::from_std(SHORTEST_SESSION).unwrap_or(TimeDelta::MAX);
        HeldSession {
            reused_until: session.expiration - self.share.of(life).max(shortest),
            session: Arc::new(session),
            opened_at,
        }
    }

    fn is_reusable(&self, outcome: &Outcome) -> bool {
        let held = outcome.as_ref();
        held.is_ok_and(|held| self.clock.now() <= held.reused_until)
    }
}

impl ExpiryOfOutcome {
    /// Failures and sessions that are not reused leave memory at once.
    fn after(outcome: &Outcome) -> Duration {
        let kept = outcome
            .as_ref()
            .map(|held| held.reused_until - held.opened_at);
        kept.map_or(Duration::ZERO, |kept| kept.to_std().unwrap_or_default())
    }
}

impl Expiry<ReuseKey, Outcome> for ExpiryOfOutcome {
    fn expire_after_create(&self, _: &ReuseKey, new: &Outcome, _: Instant) -> Option<Duration> {
        Some(Self::after(new))
    }

    fn expire_after_update(
        &self,
        _: &ReuseKey,
        new: &Outcome,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(Self::after(new))
    }
}

#[cfg(test)]
mod tests;
