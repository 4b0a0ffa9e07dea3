use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep_until};

/// The shortest pause between two changes of the registry by revocations of this process. After each change every
/// call has to be checked again, and must be able to finish before the next.
const PACE: Duration = Duration::from_millis(20);

/// The callers whose revocations are under way: one at a time for each.
#[derive(Clone, Debug, Default)]
pub struct UnderWay {
    callers: Arc<Mutex<HashSet<String>>>,
    /// When the next change may be made.
    next: Arc<tokio::sync::Mutex<Option<Instant>>>,
}

/// A revocation's turn: no other of this process changes the registry meanwhile.
pub(super) struct Turn(OwnedMutexGuard<Option<Instant>>);

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

    /// Waits for this revocation's turn to change the registry, which lasts until it is dropped.
    pub(super) async fn turn(&self) -> Turn {
        let next = Arc::clone(&self.next).lock_owned().await;
        if let Some(next) = *next {
            sleep_until(next).await;
        }
        Turn(next)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0 = Some(Instant::now() + PACE);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let taken = self.under_way.callers.lock();
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.caller);
    }
}
