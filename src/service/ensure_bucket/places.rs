use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::service::Occupancy;

use super::{EnsureBucketError, ReservationState};

/// How many buckets are created at once. Each may hold a connection while the store hangs.
const CREATIONS: usize = 64;

/// How many existing buckets are rechecked at once. They have their own places, so that a store that
/// hangs over new buckets does not keep their owners waiting.
const RECHECKS: usize = 128;

/// How many buckets' rules are checked at once. They have their own places, so that no owner waits for
/// them.
const REPAIRS: usize = 16;

/// How many of these may be under way at once. They may outlive the calls that start them.
pub const BUCKET_PLACES: usize = CREATIONS + RECHECKS + REPAIRS;

/// How long a task waits for a place.
const PATIENCE: Duration = Duration::from_secs(1);

/// Limits how many tasks are under way at the store.
pub(super) struct Places {
    creations: Semaphore,
    rechecks: Semaphore,
    repairs: Semaphore,
}

impl Places {
    pub(super) fn creations(&self) -> Occupancy {
        Occupancy::of(&self.creations, CREATIONS)
    }

    pub(super) fn rechecks(&self) -> Occupancy {
        Occupancy::of(&self.rechecks, RECHECKS)
    }

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

    /// A place for the check of a bucket's rules, if one is free.
    pub(super) fn take_for_repair(&self) -> Option<SemaphorePermit<'_>> {
        self.repairs.try_acquire().ok()
    }
}

impl Default for Places {
    fn default() -> Self {
        Self {
            creations: Semaphore::new(CREATIONS),
            rechecks: Semaphore::new(RECHECKS),
            repairs: Semaphore::new(REPAIRS),
        }
    }
}
