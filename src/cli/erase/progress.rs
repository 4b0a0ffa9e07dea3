use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cli::output::note;
use crate::service::{Place, Progress, Tally};

/// How often the progress is told.
const EVERY: Duration = Duration::from_secs(1);

/// Tells the progress on standard error.
pub(super) struct StandardError {
    found: Tally,
    told: Mutex<Told>,
}

struct Told {
    deleted: Tally,
    at: Instant,
}

impl StandardError {
    /// So much is to be deleted.
    pub(super) fn new(found: Tally) -> Self {
        let told = Told {
            deleted: Tally::default(),
            at: Instant::now(),
        };
        Self {
            found,
            told: Mutex::new(told),
        }
    }
}

impl Progress for StandardError {
    fn deleted(&self, _: &Place, more: &Tally) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.deleted += *more;
        let (now, all) = (told.deleted, self.found);
        let is_last = now.versions >= all.versions && now.delete_markers >= all.delete_markers;
        if told.at.elapsed() < EVERY && !is_last {
            return;
        }
        told.at = Instant::now();
        note(&format!(
            "deleted {} of {} versions, {} of {} delete markers, {} of {} uploads",
            now.versions,
            all.versions,
            now.delete_markers,
            all.delete_markers,
            now.uploads,
            all.uploads
        ));
    }

    fn step(&self, what: &str) {
        note(&what);
    }
}
