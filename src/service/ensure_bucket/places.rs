use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{EnsureBucketError, ReservationState};

/// How many buckets are created at once. Each may hold a connection while the store hangs.
const CREATIONS: usize = 64;

/// How many existing buckets are rechecked at once. They have their own places, so that a store that
/// hangs over new buckets does not keep their owners waiting.
const RECHECKS: usize = 128;

/// How many creations and rechecks may be under way at once. They may outlive the calls that start them.
pub const BUCKET_PLACES: usize = CREATIONS + RECHECKS;

/// How long a task waits for a place.
const PATIENCE: Duration = Duration::from_secs(1);

/// Limits how many tasks are under way at the store.
pub(super) struct Places {
    creations: Semaphore,
    rechecks: Semaphore,
}

impl Places {
    /// Waits briefly for a place.
    pub(super) async fn take(
        &self,
        state: ReservationState,
    ) -> Result<SemaphorePermit<'_>, EnsureBucketError> {
        let places = match state {
            ReservationState::Ready => &self.rechecks,
            ReservationState::Reserved | ReservationState::Creating => &self.creations,
        };
        match tokio::time::timeout(PATIENCE, places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(EnsureBucketError::Overloaded),
        }
    }
}

impl Default for Places {
    fn default() -> Self {
        Self {
            creations: Semaphore::new(CREATIONS),
            rechecks: Semaphore::new(RECHECKS),
        }
    }
}
