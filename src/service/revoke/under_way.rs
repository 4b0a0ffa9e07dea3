use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The shortest time between two changes of the registry by revocations of this process. After each change every
/// call has to be checked again, and must be able to finish before the next.
const PACE: Duration = Duration::from_millis(20);

/// The callers whose revocations are under way: one at a time for each.
#[derive(Clone, Debug, Default)]
pub struct UnderWay {
    callers: Arc<Mutex<HashSet<String>>>,
    /// When the next change may be made.
    next: Arc<tokio::sync::Mutex<Option<Instant>>>,
}

/// A caller's place, until it is dropped.
pub(super) struct Place {
    under_way: UnderWay,
    caller: String,
}

impl UnderWay {
    /// The caller's place, unless it is taken.
    pub(super) fn take(&self, caller: &str) -> Option<Place> {
        let mut taken = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(caller.to_owned()).then(|| Place {
            under_way: self.clone(),
            caller: caller.to_owned(),
        })
    }

    /// Returns when it is this revocation's turn to change the registry.
    pub(super) async fn turn(&self) {
        let mut next = self.next.lock().await;
        if let Some(next) = *next {
            sleep_until(next).await;
        }
        *next = Some(Instant::now() + PACE);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let taken = self.under_way.callers.lock();
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.caller);
    }
}
