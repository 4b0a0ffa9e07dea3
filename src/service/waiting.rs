use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{RegistryError, UpstreamError};

/// What work that needs the registry and the store has waited for. If it takes too long, the slower of
/// them is to blame.
pub(super) struct Waiting(Mutex<Spent>);

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Upstream {
    Registry,
    Store,
}

struct Spent {
    registry: Duration,
    store: Duration,
    now: Upstream,
    since: Instant,
}

impl Waiting {
    /// Starts to count, for this one.
    pub(super) fn begin(now: Upstream) -> Self {
        Self(Mutex::new(Spent {
            registry: Duration::ZERO,
            store: Duration::ZERO,
            now,
            since: Instant::now(),
        }))
    }

    /// Counts a step for this one, and what follows as before.
    pub(super) async fn during<T>(&self, now: Upstream, step: impl Future<Output = T>) -> T {
        let before = self.spent(|spent| spent.turn_to(now));
        let done = step.await;
        self.spent(|spent| spent.turn_to(before));
        done
    }

    /// The timeout of the one that took longer.
    pub(super) fn timed_out<E: From<RegistryError> + From<UpstreamError>>(&self, step: &str) -> E {
        self.spent(|spent| {
            spent.turn_to(spent.now);
            if spent.registry > spent.store {
                RegistryError::late(step).into()
            } else {
                UpstreamError::timeout(step).into()
            }
        })
    }

    fn spent<T>(&self, change: impl FnOnce(&mut Spent) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Spent {
    /// Returns what was counted until now.
    fn turn_to(&mut self, now: Upstream) -> Upstream {
        let before = std::mem::replace(&mut self.now, now);
        let took = self.since.elapsed();
        self.since += took;
        match before {
            Upstream::Registry => self.registry += took,
            Upstream::Store => self.store += took,
        }
        before
    }
}
