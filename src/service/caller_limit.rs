use std::sync::Arc;

use crate::domain::CallerId;

use super::{Limit, RateLimiter, Refusal};

/// How often one caller may ask for anything (`limits.per_caller`).
///
/// It stands in front of entitlement, so that calls which are refused there count: each of them
/// costs the registry as much as one that is not.
pub struct CallerLimit(Arc<dyn RateLimiter<CallerId>>);

impl CallerLimit {
    /// Counts with this limiter.
    #[must_use]
    pub fn new(limiter: Arc<dyn RateLimiter<CallerId>>) -> Self {
        Self(limiter)
    }

    /// Takes one call from the caller's allowance.
    ///
    /// # Errors
    ///
    /// [`Refusal::RateLimited`] when nothing is left of it.
    pub fn take(&self, caller: &CallerId) -> Result<(), Refusal> {
        let taken = self.0.take(caller);
        taken.map_err(|spent| spent.of(Limit::Caller))
    }
}
