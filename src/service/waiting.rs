use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{RegistryError, UpstreamError};

/// What work that needs the registry and the store has waited for. If it takes too long, the slower of
/// them is to blame.
pub(super) struct Waiting(Mutex<Spent>);

/// What work waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Registry,
    Store,
}

struct Spent {
    registry: Duration,
    store: Duration,
    current: Side,
    since: Instant,
}

impl Waiting {
    /// Starts the clock, on this side.
    pub(super) fn begin(side: Side) -> Self {
        Self(Mutex::new(Spent {
            registry: Duration::ZERO,
            store: Duration::ZERO,
            current: side,
            since: Instant::now(),
        }))
    }

    /// Charges the step to this side, then switches back. A step that is dropped does not switch back.
    pub(super) async fn during<T>(&self, side: Side, step: impl Future<Output = T>) -> T {
        let before = self.spent().switch(side);
        let done = step.await;
        self.spent().switch(before);
        done
    }

    /// Charges the step to the sides that `other`, which it waits for, is charged to meanwhile. Nothing else
    /// may be charged until it ends.
    pub(super) async fn along<T>(&self, other: &Self, step: impl Future<Output = T>) -> T {
        self.spent().charge();
        let (registry, store) = other.so_far();
        let done = step.await;
        let (registry_then, store_then) = other.so_far();
        let mut spent = self.spent();
        spent.registry += registry_then.saturating_sub(registry);
        spent.store += store_then.saturating_sub(store);
        spent.since = Instant::now();
        done
    }

    /// The one that took longer.
    pub(super) fn slower(&self) -> Side {
        let (registry, store) = self.so_far();
        if registry > store {
            Side::Registry
        } else {
            Side::Store
        }
    }

    /// The timeout of the one that took longer.
    pub(super) fn timed_out<E: From<RegistryError> + From<UpstreamError>>(&self, step: &str) -> E {
        match self.slower() {
            Side::Registry => RegistryError::late(step).into(),
            Side::Store => UpstreamError::timeout(step).into(),
        }
    }

    /// What registry and store have taken by now.
    fn so_far(&self) -> (Duration, Duration) {
        let mut spent = self.spent();
        spent.charge();
        (spent.registry, spent.store)
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    /// Returns the side that was charged before.
    fn switch(&mut self, side: Side) -> Side {
        self.charge();
        std::mem::replace(&mut self.current, side)
    }

    /// Charges the time since it was last done.
    fn charge(&mut self) {
        let took = self.since.elapsed();
        self.since += took;
        match self.current {
            Side::Registry => self.registry += took,
            Side::Store => self.store += took,
        }
    }
}
