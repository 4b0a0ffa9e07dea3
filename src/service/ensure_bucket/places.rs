use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{EnsureBucketError, ReservationState};

/// How many buckets are made at once. Each may hold a connection for as long as a store hangs.
const CREATIONS: usize = 64;

/// How many that exist are looked at again at once: a store that hangs over new buckets does not
/// keep their owners waiting.
const RECHECKS: usize = 128;

/// How many makings and rechecks may be at the store at once. They may outlive the calls that
/// start them.
pub const BUCKET_PLACES: usize = CREATIONS + RECHECKS;

/// How long one waits for a place.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bounds what is under way at the store.
pub(super) struct Places {
    creations: Semaphore,
    rechecks: Semaphore,
}

impl Places {
    /// Waits for a place, but not for long.
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
