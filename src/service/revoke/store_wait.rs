use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long each store may take to refuse sessions, and how long a revocation has waited for stores.
#[derive(Clone, Debug, Default)]
pub(super) struct StoreWait {
    /// How long each store may take to refuse.
    pub(super) patience: Duration,
    waited: Arc<Mutex<Waited>>,
}

#[derive(Debug, Default)]
struct Waited {
    over: Duration,
    since: Option<Instant>,
}

impl StoreWait {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            ..Self::default()
        }
    }

    /// Counts the time that this work takes.
    pub(super) async fn count<T>(&self, work: impl Future<Output = T>) -> T {
        self.with(|waited| waited.since = Some(Instant::now()));
        let done = work.await;
        self.with(|waited| {
            let since = waited.since.take();
            waited.over += since.map_or(Duration::ZERO, |since| since.elapsed());
        });
        done
    }

    /// The time so far.
    pub(super) fn waited(&self) -> Duration {
        self.with(|waited| {
            let now = waited.since.map_or(Duration::ZERO, |since| since.elapsed());
            waited.over + now
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut Waited) -> T) -> T {
        change(&mut self.waited.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
