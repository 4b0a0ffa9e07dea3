use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::AccessKeyId;
use crate::service::{Clock, Randomness, RegistryError, UpstreamError};

use super::lease::Lease;
use super::timing::{LOOK_LIMIT, STALE, TRANSACTION_LIMIT};
use super::watch::Watch;
use super::{
    AccessKeyBroker, AccessKeyRegistry, HeldLease, PairStanding, RecordedPair, Taken, Unfinished,
};

/// Keeps engine and registry together: ends pairs whose time is over, finishes what a crash has
/// broken off, removes what is deleted.
///
/// It takes a key as a rotation does, by a lease, so that never two are at one key: a pair that is
/// made and not yet on record must not be taken for a stray one. A lease whose holder is gone it
/// takes over.
pub struct AccessKeyKeeper {
    ports: AccessKeyKeeperPorts,
    watch: Watch,
}

/// What [`AccessKeyKeeper`] needs from outside.
pub struct AccessKeyKeeperPorts {
    /// The engine.
    pub broker: Arc<dyn AccessKeyBroker>,
    /// The registry.
    pub registry: Arc<dyn AccessKeyRegistry>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Names what it does.
    pub randomness: Arc<dyn Randomness>,
}

/// Why something is still to be done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AccessKeyKeeperError {
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The engine failed.
    #[error("store: {0}")]
    Engine(#[from] UpstreamError),
    /// The lease is over: what is left to do is another process's.
    #[error("another process has taken the access key")]
    Lost,
}

impl AccessKeyKeeper {
    /// How often there should be a look.
    pub const EVERY: Duration = Duration::from_secs(5);

    /// Puts the keeper together.
    #[must_use]
    pub fn new(ports: AccessKeyKeeperPorts) -> Self {
        Self {
            ports,
            watch: Watch::default(),
        }
    }

    /// Looks after every key that needs it. One that fails is tried again at the next look, and
    /// does not keep the others waiting.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when it cannot be told which they are.
    pub async fn look_after_all(&self) -> Result<(), RegistryError> {
        let registry = &self.ports.registry;
        let held = registry
            .leases()
            .await
            .inspect_err(|_| self.watch.clear())?;
        for lease in self.watch.gone(held) {
            tracing::warn!(key = %lease.key, "a rotation's process is gone: finishing for it");
            report(&lease.key, self.take_over(&lease.key, Some(&lease)).await);
        }
        let now = self.ports.clock.now();
        for key in registry.unfinished(now, now - STALE).await? {
            report(&key.id, self.look_after(&key.id).await);
        }
        Ok(())
    }

    /// Looks after this key, unless somebody is at it who may go on.
    ///
    /// # Errors
    ///
    /// [`AccessKeyKeeperError`]; the next look goes on from there.
    pub async fn look_after(&self, id: &AccessKeyId) -> Result<(), AccessKeyKeeperError> {
        self.take_over(id, None).await
    }

    async fn take_over(
        &self,
        id: &AccessKeyId,
        gone: Option<&HeldLease>,
    ) -> Result<(), AccessKeyKeeperError> {
        let lease = self.lease(id);
        let now = self.ports.clock.now();
        let taking = self
            .ports
            .registry
            .take(id, &lease.name, now, now - STALE, gone);
        let late = |_| RegistryError::late("taking an access key");
        let taken = tokio::time::timeout(TRANSACTION_LIMIT, taking).await;
        match taken.map_err(late)?? {
            Taken::Yes(key) => {
                let finishing = lease.renewed_during(self.finish(&key, &lease, now));
                let late = |_| UpstreamError::timeout("looking after an access key");
                let done = tokio::time::timeout(LOOK_LIMIT, finishing).await;
                let done = done
                    .map_err(late)
                    .map_err(AccessKeyKeeperError::from)
                    .flatten();
                if done.is_err() {
                    // The next look is soon.
                    lease.give_back(None, false).await;
                }
                done
            }
            Taken::Besides(key) => self.end_pairs(&key, None, now).await,
            Taken::No => Ok(()),
        }
    }

    fn lease(&self, id: &AccessKeyId) -> Lease {
        Lease {
            registry: Arc::clone(&self.ports.registry),
            key: id.clone(),
            name: hex::encode(self.ports.randomness.bits()),
        }
    }

    async fn finish(
        &self,
        key: &Unfinished,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<(), AccessKeyKeeperError> {
        self.end_pairs(key, Some(lease), now).await?;
        let registry = &self.ports.registry;
        if key.is_deleted {
            return Ok(registry.forget_access_key(&key.id, &lease.name).await?);
        }
        if key.is_disabled {
            registry.mark_clean(&key.id, &lease.name, now).await?;
        }
        let ended = registry.end_rotation(&key.id, &lease.name, None, true);
        Ok(ended.await?)
    }

    /// Ends what should no longer be.
    ///
    /// A key that is disabled or deleted stays so: all its pairs end, and no lease is needed.
    async fn end_pairs(
        &self,
        key: &Unfinished,
        lease: Option<&Lease>,
        now: DateTime<Utc>,
    ) -> Result<(), AccessKeyKeeperError> {
        let is_over = key.is_disabled || key.is_deleted;
        let ended = self
            .keep_only(&key.id, lease, |pair| !is_over && is_kept(pair, now))
            .await;
        if key.is_deleted {
            self.ports.broker.remove(&key.id).await?;
        }
        ended
    }

    /// Ends the pairs whose time is over, and those that were never handed out. An unproven pair was
    /// handed out and may be in use, so it lives beside the current one until the next rotation.
    pub(super) async fn settle(
        &self,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<(), AccessKeyKeeperError> {
        let keeps = |pair: &RecordedPair| is_kept(pair, now);
        self.keep_only(&lease.key, Some(lease), keeps).await
    }

    /// Ends every pair but the current one.
    pub(super) async fn keep_current(&self, lease: &Lease) -> Result<(), AccessKeyKeeperError> {
        let keeps = |pair: &RecordedPair| pair.standing == PairStanding::Current;
        self.keep_only(&lease.key, Some(lease), keeps).await
    }

    /// A list of the engine's may lag behind: what is on record is ended whether it is listed or
    /// not, is forgotten only then, and is not forgotten because a list lacks it. All pairs have
    /// their turn, whatever becomes of one.
    async fn keep_only(
        &self,
        id: &AccessKeyId,
        lease: Option<&Lease>,
        keeps: impl Fn(&RecordedPair) -> bool,
    ) -> Result<(), AccessKeyKeeperError> {
        let AccessKeyKeeperPorts {
            broker, registry, ..
        } = &self.ports;
        let mut outcome = Ok(());
        let recorded = registry.recorded_pairs(id).await?;
        for pair in recorded.iter().filter(|pair| !keeps(pair)) {
            let ended = async {
                self.withdraw(id, lease, &pair.id).await?;
                Ok(registry.forget_pair(id, &pair.id).await?)
            };
            outcome = outcome.and(ended.await);
        }
        let listed = broker.pairs(id).await?;
        // Read after the list: should the lease have been lost meanwhile, a pair that came since is
        // no stray.
        let recorded = registry.recorded_pairs(id).await?;
        for pair in &listed {
            if !recorded.iter().any(|recorded| recorded.id == *pair) {
                let ended = self.withdraw(id, lease, pair).await;
                outcome = outcome.and(ended);
            }
        }
        outcome
    }

    async fn withdraw(
        &self,
        id: &AccessKeyId,
        lease: Option<&Lease>,
        pair: &str,
    ) -> Result<(), AccessKeyKeeperError> {
        if let Some(lease) = lease {
            lease.check().await?;
        }
        Ok(self.ports.broker.withdraw(id, pair).await?)
    }
}

fn is_kept(pair: &RecordedPair, now: DateTime<Utc>) -> bool {
    match pair.standing {
        PairStanding::Current | PairStanding::Unproven => true,
        PairStanding::Ends(ends) => ends > now,
    }
}

fn report(key: &AccessKeyId, done: Result<(), AccessKeyKeeperError>) {
    if let Err(error) = done {
        tracing::warn!(
            %error,
            %key,
            "an access key's pairs could not all be ended; trying again"
        );
    }
}
