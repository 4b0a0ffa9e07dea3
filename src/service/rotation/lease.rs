use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::domain::{AccessKeyId, AccessKeyState};
use crate::service::RegistryError;

use super::timing::{GONE, RENEW_EVERY};
use super::{AccessKeyRegistry, HeldLease};

/// An access key that this process has taken in the registry, for one rotation or one look. While the
/// lease is renewed, no other process rotates the key or looks after it.
pub(super) struct Lease {
    pub(super) registry: Arc<dyn AccessKeyRegistry>,
    pub(super) key: AccessKeyId,
    /// The name of the lease in the registry.
    pub(super) name: String,
}

/// Tells which leases have lost their process: those that are not renewed while this process watches.
/// The clocks of other processes do not matter.
#[derive(Default)]
pub(super) struct LeaseWatch(Mutex<HashMap<AccessKeyId, (HeldLease, Instant)>>);

impl Lease {
    /// Renews the lease while `work` goes on. A lost lease does not stop the work; the next
    /// [`is_held`](Self::is_held) does.
    pub(super) async fn renewed_during<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            never = self.renew() => match never {},
        }
    }

    async fn renew(&self) -> Infallible {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            if let Err(error) = self.is_held().await {
                tracing::warn!(%error, key = %self.key, "the lease of an access key is not renewed");
            }
        }
    }

    /// Renews the lease and tells whether this process still holds the key.
    pub(super) async fn is_held(&self) -> Result<bool, RegistryError> {
        self.registry.renew(&self.key, &self.name).await
    }

    /// Gives the key back. If the registry cannot be told, the renewals end and the keeper takes the key
    /// over.
    pub(super) async fn give_back(&self, state: Option<AccessKeyState>, is_clean: bool) {
        let ended = self
            .registry
            .end_rotation(&self.key, &self.name, state, is_clean);
        if let Err(error) = ended.await {
            tracing::warn!(%error, key = %self.key, "the end of a rotation could not be recorded");
        }
    }
}

impl LeaseWatch {
    /// The leases that have not changed for [`GONE`], of those held now. A lease without any renewal
    /// proves nothing: versions before migration 0007 do not renew theirs.
    pub(super) fn gone(&self, held: Vec<HeldLease>) -> Vec<HeldLease> {
        let now = Instant::now();
        let mut seen = self.seen();
        let before = std::mem::take(&mut *seen);
        let mut gone = Vec::new();
        for lease in held {
            let same = before.get(&lease.key).filter(|(seen, _)| *seen == lease);
            let since = same.map_or(now, |(_, since)| *since);
            if lease.renewals > 0 && now.duration_since(since) >= GONE {
                gone.push(lease.clone());
            }
            seen.insert(lease.key.clone(), (lease, since));
        }
        gone
    }

    /// Forgets all leases: time in which they could not be read proves nothing about their processes.
    pub(super) fn clear(&self) {
        self.seen().clear();
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<AccessKeyId, (HeldLease, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
