use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::service::{RegistryError, UpstreamError};

use super::EnsureBucketError;

/// The step that a timeout names.
const STEP: &str = "making the bucket";

/// What the creation of one bucket has waited for. If it takes too long, the slower of registry and
/// store is to blame.
pub(super) struct Waiting {
    began: Instant,
    registry: Mutex<Spent>,
}

#[derive(Default)]
struct Spent {
    before: Duration,
    since: Option<Instant>,
}

impl Waiting {
    pub(super) fn begin() -> Self {
        Self {
            began: Instant::now(),
            registry: Mutex::default(),
        }
    }

    /// Waits for a step of the registry.
    pub(super) async fn for_registry<T>(&self, step: impl Future<Output = T>) -> T {
        self.registry().since = Some(Instant::now());
        let done = step.await;
        let mut registry = self.registry();
        registry.before = registry.total();
        registry.since = None;
        done
    }

    /// The timeout of the one that took longer.
    pub(super) fn timed_out(&self) -> EnsureBucketError {
        let registry = self.registry().total();
        let store = self.began.elapsed().saturating_sub(registry);
        if registry > store {
            RegistryError::late(STEP).into()
        } else {
            UpstreamError::timeout(STEP).into()
        }
    }

    fn registry(&self) -> MutexGuard<'_, Spent> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    fn total(&self) -> Duration {
        self.before + self.since.map(|since| since.elapsed()).unwrap_or_default()
    }
}
