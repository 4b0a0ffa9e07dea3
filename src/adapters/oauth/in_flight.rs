use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::service::{Occupancy, UpstreamError, UpstreamErrorKind};

/// The largest number of requests that may wait for one lookup.
const MAX_PER_LOOKUP: usize = 64;

/// Limits the requests that wait for the authorization server at once (`oauth.max_in_flight`), so that
/// one that hangs does not hold up requests that do not need it.
///
/// The limit counts requests, not lookups: several requests may wait for the same lookup. Those get at
/// most 64 permits, and at most half of all, so that one token cannot block the others.
#[derive(Clone, Debug)]
pub struct InFlightLimit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    permits: Arc<Semaphore>,
    size: usize,
    per_lookup: usize,
    taken: Mutex<HashMap<Lookup, usize>>,
}

/// A request to the authorization server.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Lookup {
    /// The introspection of a token, by the token's keyed digest.
    Token([u8; 32]),
    /// The key set.
    Keys,
}

/// A permit to wait; dropping it returns it.
#[derive(Debug)]
pub(crate) struct InFlightPermit {
    inner: Arc<Inner>,
    lookup: Lookup,
    _permit: OwnedSemaphorePermit,
}

impl InFlightLimit {
    /// Allows this number of requests.
    #[must_use]
    pub fn new(permits: usize) -> Self {
        let size = permits.min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Inner {
            permits: Arc::new(Semaphore::new(size)),
            size,
            per_lookup: (permits / 2).clamp(1, MAX_PER_LOOKUP),
            taken: Mutex::default(),
        }))
    }

    /// How many requests wait.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        Occupancy::of(&self.0.permits, self.0.size)
    }

    /// Takes a permit to wait for this lookup.
    ///
    /// # Errors
    ///
    /// [`UpstreamErrorKind::Busy`] if all permits are taken, or all that one lookup may have.
    pub(crate) fn acquire(&self, lookup: Lookup) -> Result<InFlightPermit, UpstreamError> {
        let inner = Arc::clone(&self.0);
        let busy = |cause: &str| UpstreamError::new(UpstreamErrorKind::Busy, cause);
        let mut taken = inner.taken();
        let waiting = taken.get(&lookup).copied().unwrap_or_default();
        if waiting >= inner.per_lookup {
            return Err(busy("too many requests wait for the same token or key set"));
        }
        let permit = Arc::clone(&inner.permits).try_acquire_owned();
        let permit =
            permit.map_err(|_| busy("too many requests wait for the authorization server"))?;
        taken.insert(lookup, waiting + 1);
        drop(taken);
        Ok(InFlightPermit {
            inner,
            lookup,
            _permit: permit,
        })
    }
}

impl Inner {
    fn taken(&self) -> MutexGuard<'_, HashMap<Lookup, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InFlightPermit {
    fn drop(&mut self) {
        let mut taken = self.inner.taken();
        if let Some(waiting) = taken.get_mut(&self.lookup) {
            *waiting -= 1;
            if *waiting == 0 {
                taken.remove(&self.lookup);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lookup_gets_half_of_the_permits_but_at_most_64() {
        for (permits, most) in [(1, 1), (2, 1), (5, 2), (64, 32), (256, 64)] {
            let limit = InFlightLimit::new(permits);
            let acquire = |lookup| std::iter::from_fn(move || limit.acquire(lookup).ok());
            let held: Vec<_> = acquire.clone()(Lookup::Keys).collect();
            assert_eq!(held.len(), most, "of {permits}");
            let others: Vec<_> = acquire(Lookup::Token([1; 32])).collect();
            assert_eq!(others.len(), most.min(permits - most), "of {permits}");
        }
    }

    #[test]
    fn a_dropped_permit_is_available_again() {
        let limit = InFlightLimit::new(2);
        let permit = limit.acquire(Lookup::Keys).unwrap();
        assert!(limit.acquire(Lookup::Keys).is_err());
        drop(permit);
        assert!(limit.0.taken().is_empty());
        assert!(limit.acquire(Lookup::Keys).is_ok());
    }
}
