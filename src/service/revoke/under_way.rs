use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The callers whose revocations are under way: one at a time for each.
#[derive(Clone, Debug, Default)]
pub struct UnderWay(Arc<Mutex<HashSet<String>>>);

/// A caller's place, until it is dropped.
pub(super) struct Place {
    under_way: UnderWay,
    caller: String,
}

impl UnderWay {
    /// The caller's place, unless it is taken.
    pub(super) fn take(&self, caller: &str) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(caller.to_owned()).then(|| Place {
            under_way: self.clone(),
            caller: caller.to_owned(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let taken = self.under_way.0.lock();
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.caller);
    }
}
