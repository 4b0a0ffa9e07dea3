use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::AccessKeyId;
use crate::service::{Clock, Randomness, RegistryError, UpstreamError};

use super::lease::{Lease, LeaseWatch};
use super::pairs::{Pairs, PairsError};
use super::timing::{LOOK_LIMIT, STALE, TRANSACTION_LIMIT};
use super::{AccessKeyBroker, AccessKeyRegistry, HeldLease, Taken, Unfinished};

/// Keeps engine and registry consistent: ends pairs that are due, finishes what a crash interrupted,
/// and removes deleted keys.
///
/// Like a rotation, it takes a key by a lease, so that only one process works on a key: a pair that is
/// made and not yet on record must not be taken for a stray one. It takes over leases whose process is
/// gone.
pub struct AccessKeyKeeper {
    ports: AccessKeyKeeperPorts,
    watch: LeaseWatch,
}

/// The ports of [`AccessKeyKeeper`].
pub struct AccessKeyKeeperPorts {
    /// The engine.
    pub broker: Arc<dyn AccessKeyBroker>,
    /// The registry.
    pub registry: Arc<dyn AccessKeyRegistry>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Names leases.
    pub randomness: Arc<dyn Randomness>,
}

impl AccessKeyKeeper {
    /// How often [`look_after_all`](Self::look_after_all) should be called.
    pub const EVERY: Duration = Duration::from_secs(5);

    /// Makes a keeper.
    #[must_use]
    pub fn new(ports: AccessKeyKeeperPorts) -> Self {
        Self {
            ports,
            watch: LeaseWatch::default(),
        }
    }

    /// Looks after every key that needs it. A key that fails is tried again at the next call and does
    /// not hold up the others.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the registry cannot say which keys those are.
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

    /// Looks after this key, unless another process is working on it.
    ///
    /// # Errors
    ///
    /// [`PairsError`]; the next look continues from there.
    pub async fn look_after(&self, id: &AccessKeyId) -> Result<(), PairsError> {
        self.take_over(id, None).await
    }

    async fn take_over(
        &self,
        id: &AccessKeyId,
        gone: Option<&HeldLease>,
    ) -> Result<(), PairsError> {
        let AccessKeyKeeperPorts {
            broker,
            registry,
            clock,
            randomness,
        } = &self.ports;
        let lease = Lease {
            registry: Arc::clone(registry),
            key: id.clone(),
            name: hex::encode(randomness.bits()),
        };
        let now = clock.now();
        let taking = registry.take(id, &lease.name, now, now - STALE, gone);
        let late = |_| RegistryError::late("taking an access key");
        let taken = tokio::time::timeout(TRANSACTION_LIMIT, taking).await;
        match taken.map_err(late)?? {
            Taken::Yes(key) => {
                let finishing = lease.renewed_during(self.finish(&key, &lease, now));
                let late = |_| UpstreamError::timeout("looking after an access key");
                let done = tokio::time::timeout(LOOK_LIMIT, finishing).await;
                let done = done.map_err(late).map_err(PairsError::from).flatten();
                if done.is_err() {
                    // The next look is soon.
                    lease.give_back(None, false).await;
                }
                done
            }
            Taken::Besides(key) => {
                let pairs = Pairs::of_ended_key(id, registry.as_ref(), broker.as_ref());
                self.end_pairs(&key, &pairs, now).await
            }
            Taken::No => Ok(()),
        }
    }

    async fn finish(
        &self,
        key: &Unfinished,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<(), PairsError> {
        let pairs = Pairs::under(lease, self.ports.broker.as_ref());
        self.end_pairs(key, &pairs, now).await?;
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

    async fn end_pairs(
        &self,
        key: &Unfinished,
        pairs: &Pairs<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), PairsError> {
        if !key.is_disabled && !key.is_deleted {
            return pairs.end_due(now).await;
        }
        let ended = pairs.end_all().await;
        if key.is_deleted {
            self.ports.broker.remove(&key.id).await?;
        }
        ended
    }
}

fn report(key: &AccessKeyId, done: Result<(), PairsError>) {
    if let Err(error) = done {
        tracing::warn!(
            %error,
            %key,
            "an access key's pairs could not all be ended; trying again"
        );
    }
}
