use std::sync::Arc;

use crate::domain::CallerId;

use super::{Limit, RateLimiter, Refusal};

/// Limits how often one caller may call (`limits.per_caller`).
///
/// It comes before entitlement, so that calls refused there count, too: they cost the registry as much
/// as others.
pub struct CallerLimit(Arc<dyn RateLimiter<CallerId>>);

impl CallerLimit {
    /// Makes the limit.
    #[must_use]
    pub fn new(limiter: Arc<dyn RateLimiter<CallerId>>) -> Self {
        Self(limiter)
    }

    /// Counts one call.
    ///
    /// # Errors
    ///
    /// [`Refusal::RateLimited`] when the caller's allowance is used up.
    pub fn take(&self, caller: &CallerId) -> Result<(), Refusal> {
        let taken = self.0.take(caller);
        taken.map_err(|spent| spent.of(Limit::Caller))
    }
}
