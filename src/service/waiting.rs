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

    /// Charges the step as `other`, which it waits for, is charged meanwhile.
    pub(super) async fn along<T>(&self, other: &Self, step: impl Future<Output = T>) -> T {
        self.so_far();
        let before = other.so_far();
        let done = step.await;
        let after = other.so_far();
        let mut spent = self.spent();
        spent.registry += after.0 - before.0;
        spent.store += after.1 - before.1;
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
        let current = spent.current;
        spent.switch(current);
        (spent.registry, spent.store)
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    /// Charges the time since the last switch. Returns the side that it was charged to.
    fn switch(&mut self, side: Side) -> Side {
        let charged = std::mem::replace(&mut self.current, side);
        let took = self.since.elapsed();
        self.since += took;
        match charged {
            Side::Registry => self.registry += took,
            Side::Store => self.store += took,
        }
        charged
    }
}
