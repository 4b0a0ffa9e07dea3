use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{AccessKeyId, AccessKeyState};
use crate::service::{Clock, Randomness, RegistryError, UpstreamFailure};

use super::{AccessKeys, KeyRegistry, RecordedPair, Taken, Unfinished};

/// A rotation that has not ended after this time never will: whoever was at it is gone. More than
/// twice what one may take, because replicas' clocks differ.
pub(super) const STALE: TimeDelta = TimeDelta::seconds(90);

/// Keeps engine and registry together: ends pairs whose time is over, finishes what a crash has
/// broken off, removes what is deleted.
///
/// It takes a key as a rotation does, so that never two are at one key: a pair that is made and not
/// yet on record must not be taken for a stray one.
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

    /// Looks after every key that needs it. One that fails does not keep the others waiting.
    ///
    /// # Errors
    ///
    /// The last [`KeeperError`], when all have had their turn.
    pub async fn look_after_all(&self) -> Result<(), KeeperError> {
        let now = self.ports.clock.now();
        let unfinished = self.ports.registry.unfinished(now, now - STALE).await?;
        let mut outcome = Ok(());
        for key in unfinished {
            if let Err(error) = self.look_after(&key.id).await {
                outcome = Err(error);
            }
        }
        outcome
    }

    /// Looks after this key, unless a rotation is at it that may go on.
    ///
    /// # Errors
    ///
    /// [`KeeperError`]; the next look goes on from there.
    pub async fn look_after(&self, id: &AccessKeyId) -> Result<(), KeeperError> {
        let KeyKeeperPorts {
            engine, registry, ..
        } = &self.ports;
        let now = self.ports.clock.now();
        let name = hex::encode(self.ports.randomness.bits());
        let taken = registry.take(id, &name, now, now - STALE).await?;
        let Taken::Yes { key, was_under_way } = taken else {
            return Ok(());
        };
        if key.is_deleted {
            engine.remove(id).await?;
            // Whoever was at it may still make something; then the key is taken once more when that
            // must have ended.
            if !was_under_way {
                registry.forget_access_key(id, &name).await?;
            }
            return Ok(());
        }
        let has_current = self.keep_only(id, |pair| is_kept(&key, pair, now)).await?;
        if was_under_way {
            return Ok(());
        }
        if key.is_disabled {
            registry.mark_clean(id, now).await?;
        }
        let state = match (key.was_broken_off, has_current) {
            (false, _) => None,
            (true, true) => Some(AccessKeyState::Active),
            (true, false) => Some(AccessKeyState::Failed),
        };
        Ok(registry.end_rotation(id, &name, state).await?)
    }

    /// Ends the pairs whose time is over, and those that nobody was told of; for whoever is at the
    /// key.
    pub(super) async fn settle(
        &self,
        id: &AccessKeyId,
        now: DateTime<Utc>,
    ) -> Result<(), KeeperError> {
        let kept = |pair: &RecordedPair| pair.ends.is_none_or(|ends| ends > now);
        self.keep_only(id, kept).await.map(|_| ())
    }

    /// Ends every pair but the current one; for whoever is at the key.
    pub(super) async fn keep_current(&self, id: &AccessKeyId) -> Result<(), KeeperError> {
        let kept = |pair: &RecordedPair| pair.ends.is_none();
        self.keep_only(id, kept).await.map(|_| ())
    }

    /// A list of the engine's may lag behind: what is on record is ended whether it is listed or
    /// not, is forgotten only then, and is not forgotten because a list lacks it. Says whether there
    /// is a current one.
    async fn keep_only(
        &self,
        id: &AccessKeyId,
        keeps: impl Fn(&RecordedPair) -> bool,
    ) -> Result<bool, KeeperError> {
        let KeyKeeperPorts {
            engine, registry, ..
        } = &self.ports;
        let listed = engine.pairs(id).await?;
        let recorded = registry.recorded_pairs(id).await?;
        for pair in &listed {
            if !recorded.iter().any(|recorded| recorded.id == *pair) {
                engine.withdraw(id, pair).await?;
            }
        }
        for pair in recorded.iter().filter(|pair| !keeps(pair)) {
            engine.withdraw(id, &pair.id).await?;
            registry.forget_pair(id, &pair.id).await?;
        }
        let mut current = recorded.iter().filter(|pair| pair.ends.is_none());
        Ok(current.any(keeps))
    }
}

fn is_kept(key: &Unfinished, pair: &RecordedPair, now: DateTime<Utc>) -> bool {
    !key.is_disabled && pair.ends.is_none_or(|ends| ends > now)
}
