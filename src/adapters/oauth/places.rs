use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::service::{FailureKind, UpstreamFailure};

/// How many requests may wait for the authorization server at once (`oauth.max_in_flight`): one that
/// hangs holds up those that need it, and leaves the gateway's other places to the rest.
///
/// Requests are counted, not questions: many may wait for the answer to one.
#[derive(Clone, Debug)]
pub struct WaitingPlaces(Arc<Semaphore>);

impl WaitingPlaces {
    /// So many.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))))
    }

    /// A place, until it is dropped.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Busy`] when all are taken.
    pub(crate) fn take(&self) -> Result<SemaphorePermit<'_>, UpstreamFailure> {
        self.0.try_acquire().map_err(|_| {
            let cause = "too many requests wait for the authorization server";
            UpstreamFailure::new(FailureKind::Busy, cause)
        })
    }
}
