use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use tokio::sync::watch;

use crate::domain::ApiKeyHash;
use crate::service::{Clock, Directory, RegistryError};

/// How many of the registry's hashes are held, the last used first. They take less than 10 MB.
const REGISTERED_KEYS: u32 = 100_000;

/// How long, and how many, keys that proved genuine are remembered: those made since the last reading,
/// and those beyond [`REGISTERED_KEYS`].
const PROVEN_FOR: Duration = Duration::from_hours(24);
const PROVEN_KEYS: u64 = 20_000;

/// The API keys that this process knows to be genuine without asking the registry.
///
/// It only tells whose calls need no limit by network; it authenticates nothing. It holds hashes of
/// whole keys, so a wrong secret with a known id does not match.
pub struct GenuineApiKeys {
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
    registered: watch::Sender<HashSet<[u8; 32]>>,
    proven: Cache<[u8; 32], ()>,
}

impl GenuineApiKeys {
    /// Makes an empty set.
    #[must_use]
    pub fn new(directory: Arc<dyn Directory>, clock: Arc<dyn Clock>) -> Self {
        let proven = Cache::builder()
            .max_capacity(PROVEN_KEYS)
            .time_to_live(PROVEN_FOR)
            .build();
        Self {
            directory,
            clock,
            registered: watch::Sender::new(HashSet::new()),
            proven,
        }
    }

    /// Reads the registry's keys.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when they cannot be read. The keys known before stay.
    pub async fn reread(&self) -> Result<(), RegistryError> {
        let now = self.clock.now();
        let hashes = self.directory.live_api_keys(now, REGISTERED_KEYS).await?;
        let hashes = hashes.into_iter().map(|hash| hash.0).collect();
        self.registered.send_replace(hashes);
        Ok(())
    }

    pub(super) fn contains(&self, hash: &ApiKeyHash) -> bool {
        self.registered.borrow().contains(&hash.0) || self.proven.contains_key(&hash.0)
    }

    pub(super) async fn remember(&self, hash: &ApiKeyHash) {
        self.proven.insert(hash.0, ()).await;
    }

    /// Removes a key that has ended.
    pub(super) async fn forget(&self, hash: &ApiKeyHash) {
        self.proven.invalidate(&hash.0).await;
        self.registered
            .send_if_modified(|hashes| hashes.remove(&hash.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ApiKey;
    use crate::service::fakes::{FakeDirectory, FixedClock};

    fn hash(seed: u8) -> ApiKeyHash {
        ApiKey::from_random([[seed; 16]; 3]).hash()
    }

    #[tokio::test]
    async fn the_next_reading_adds_new_keys_and_a_failed_one_loses_none() {
        let directory = Arc::new(FakeDirectory::default());
        let holds = |hashes| *directory.live_keys.lock().unwrap() = hashes;
        let keys = GenuineApiKeys::new(directory.clone(), Arc::new(FixedClock));
        holds(Some(vec![hash(1)]));
        keys.reread().await.unwrap();
        assert!(keys.contains(&hash(1)) && !keys.contains(&hash(2)));
        holds(Some(vec![hash(1), hash(2)]));
        keys.reread().await.unwrap();
        holds(None);
        keys.reread().await.unwrap_err();
        assert!(keys.contains(&hash(1)) && keys.contains(&hash(2)));
        holds(Some(vec![hash(2)]));
        keys.reread().await.unwrap();
        assert!(!keys.contains(&hash(1)), "revoked meanwhile");
    }

    #[tokio::test]
    async fn a_key_that_was_genuine_is_known_until_it_ends() {
        let directory = Arc::new(FakeDirectory::default());
        let keys = GenuineApiKeys::new(directory.clone(), Arc::new(FixedClock));
        keys.remember(&hash(1)).await;
        *directory.live_keys.lock().unwrap() = Some(vec![hash(1)]);
        keys.reread().await.unwrap();
        assert!(keys.contains(&hash(1)));
        keys.forget(&hash(1)).await;
        assert!(!keys.contains(&hash(1)));
    }
}
