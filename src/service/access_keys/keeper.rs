use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{AccessKeyId, AccessKeyState};
use crate::service::{Clock, Randomness, RegistryError, UpstreamFailure};

use super::{AccessKeys, BrokenOff, KeyRegistry, RecordedPair, Taken, Unfinished};

/// A rotation that has not ended after this time never will: whoever was at it is gone. More than
/// twice what one may take, because replicas' clocks differ.
pub(super) const STALE: TimeDelta = TimeDelta::seconds(90);

/// How long one look may take. Shorter than [`STALE`], so that none goes on after another has taken
/// its key.
const FINISH_LIMIT: Duration = Duration::from_mins(1);

/// Keeps engine and registry together: ends pairs whose time is over, finishes what a crash has
/// broken off, removes what is deleted.
///
/// It takes a key as a rotation does (a lease, which goes [`STALE`]), so that never two are at one
/// key: a pair that is made and not yet on record must not be taken for a stray one.
pub struct KeyKeeper {
    ports: KeyKeeperPorts,
}

/// What [`KeyKeeper`] needs from outside.
pub struct KeyKeeperPorts {
    /// The engine.
    pub engine: Arc<dyn AccessKeys>,
    /// The registry.
    pub registry: Arc<dyn KeyRegistry>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Names what it does.
    pub randomness: Arc<dyn Randomness>,
}

/// Why something is still to be done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeeperError {
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The engine failed.
    #[error("store: {0}")]
    Engine(#[from] UpstreamFailure),
}

impl KeyKeeper {
    /// How often there should be a look.
    pub const EVERY: Duration = Duration::from_secs(5);

    /// Puts the keeper together.
    #[must_use]
    pub fn new(ports: KeyKeeperPorts) -> Self {
        Self { ports }
    }

    /// Looks after every key that needs it. One that fails is tried again at the next look, and
    /// does not keep the others waiting.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when it cannot be told which they are.
    pub async fn look_after_all(&self) -> Result<(), RegistryError> {
        let now = self.ports.clock.now();
        for key in self.ports.registry.unfinished(now, now - STALE).await? {
            if let Err(error) = self.look_after(&key.id).await {
                tracing::warn!(
                    %error,
                    key = %key.id,
                    is_disabled = key.is_disabled,
                    is_deleted = key.is_deleted,
                    "an access key's pairs could not all be ended; trying again"
                );
            }
        }
        Ok(())
    }

    /// Looks after this key, unless somebody is at it who may go on.
    ///
    /// # Errors
    ///
    /// [`KeeperError`]; the next look goes on from there.
    pub async fn look_after(&self, id: &AccessKeyId) -> Result<(), KeeperError> {
        let registry = &self.ports.registry;
        let now = self.ports.clock.now();
        let lease = hex::encode(self.ports.randomness.bits());
        match registry.take(id, &lease, now, now - STALE).await? {
            Taken::Yes(key) => {
                let finishing = self.finish(&key, &lease, now);
                let late = |_| UpstreamFailure::timeout("looking after an access key");
                let done = tokio::time::timeout(FINISH_LIMIT, finishing).await;
                let done = done.map_err(late).map_err(KeeperError::from).flatten();
                if done.is_err() && key.broken_off == BrokenOff::Nothing {
                    // The next look is soon. Of a rotation that was broken off only the lease tells,
                    // so that one stays until it is stale.
                    let _ = registry.end_rotation(id, &lease, None).await;
                }
                done
            }
            Taken::Besides(key) => self.end_pairs(&key, now).await.map(|_| ()),
            Taken::No => Ok(()),
        }
    }

    async fn finish(
        &self,
        key: &Unfinished,
        lease: &str,
        now: DateTime<Utc>,
    ) -> Result<(), KeeperError> {
        let current = self.end_pairs(key, now).await?;
        let registry = &self.ports.registry;
        if key.is_deleted {
            return Ok(registry.forget_access_key(&key.id, lease).await?);
        }
        if key.is_disabled {
            registry.mark_clean(&key.id, now).await?;
        }
        // Nobody knows the secret any more: that the engine has the pair is all that can be proven.
        let unproven = current.filter(|_| key.broken_off == BrokenOff::Unproven);
        let state = unproven.map(|is_there| {
            if is_there {
                AccessKeyState::Active
            } else {
                AccessKeyState::Failed
            }
        });
        Ok(registry.end_rotation(&key.id, lease, state).await?)
    }

    /// Ends what should no longer be. Says whether the engine has the current pair, if there is one.
    async fn end_pairs(
        &self,
        key: &Unfinished,
        now: DateTime<Utc>,
    ) -> Result<Option<bool>, KeeperError> {
        let is_over = key.is_disabled || key.is_deleted;
        let is_kept = |pair: &RecordedPair| !is_over && pair.ends.is_none_or(|ends| ends > now);
        let kept = self.keep_only(&key.id, is_kept).await;
        if key.is_deleted {
            self.ports.engine.remove(&key.id).await?;
        }
        kept
    }

    /// Ends the pairs whose time is over, and those that nobody was told of. The caller has taken
    /// the key.
    pub(super) async fn settle(
        &self,
        id: &AccessKeyId,
        now: DateTime<Utc>,
    ) -> Result<(), KeeperError> {
        let kept = |pair: &RecordedPair| pair.ends.is_none_or(|ends| ends > now);
        self.keep_only(id, kept).await.map(|_| ())
    }

    /// Ends every pair but the current one. The caller has taken the key.
    pub(super) async fn keep_current(&self, id: &AccessKeyId) -> Result<(), KeeperError> {
        let kept = |pair: &RecordedPair| pair.ends.is_none();
        self.keep_only(id, kept).await.map(|_| ())
    }

    /// A list of the engine's may lag behind: what is on record is ended whether it is listed or
    /// not, is forgotten only then, and is not forgotten because a list lacks it. All pairs have
    /// their turn, whatever becomes of one. Says whether the engine lists the current pair, if there
    /// is one.
    async fn keep_only(
        &self,
        id: &AccessKeyId,
        keeps: impl Fn(&RecordedPair) -> bool,
    ) -> Result<Option<bool>, KeeperError> {
        let KeyKeeperPorts {
            engine, registry, ..
        } = &self.ports;
        let mut outcome = Ok(());
        let recorded = registry.recorded_pairs(id).await?;
        for pair in recorded.iter().filter(|pair| !keeps(pair)) {
            let ended = self.end_recorded(id, &pair.id).await;
            outcome = outcome.and(ended);
        }
        let listed = engine.pairs(id).await?;
        // Read after the list: should the lease have been lost meanwhile, a pair that came since is
        // no stray.
        let recorded = registry.recorded_pairs(id).await?;
        for pair in &listed {
            if !recorded.iter().any(|recorded| recorded.id == *pair) {
                let ended = engine.withdraw(id, pair).await;
                outcome = outcome.and(ended.map_err(KeeperError::from));
            }
        }
        outcome?;
        let current = recorded.iter().find(|pair| pair.ends.is_none());
        Ok(current.map(|pair| keeps(pair) && listed.contains(&pair.id)))
    }

    async fn end_recorded(&self, id: &AccessKeyId, pair: &str) -> Result<(), KeeperError> {
        self.ports.engine.withdraw(id, pair).await?;
        Ok(self.ports.registry.forget_pair(id, pair).await?)
    }
}
