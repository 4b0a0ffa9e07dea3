use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::domain::AccessKeyId;

use super::HeldLease;
use super::timing::GONE;

/// Tells which leases have lost their process: those that are not renewed while this process looks
/// on. The clocks of the others do not matter.
#[derive(Default)]
pub(super) struct Watch(Mutex<HashMap<AccessKeyId, (HeldLease, Instant)>>);

impl Watch {
    /// Those of the leases held now that have stood as they are for [`GONE`]. A lease that was never
    /// renewed tells nothing: versions before 0007's migration do not renew theirs.
    pub(super) fn gone(&self, held: Vec<HeldLease>) -> Vec<HeldLease> {
        let now = Instant::now();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *seen);
        let mut gone = Vec::new();
        for lease in held {
            let same = before.get(&lease.key).filter(|(seen, _)| *seen == lease);
            let since = same.map_or(now, |(_, since)| *since);
            if lease.renewals > 0 && now.duration_since(since) >= GONE {
                gone.push(lease.clone());
            }
            seen.insert(lease.key.clone(), (lease, since));
        }
        gone
    }

    /// Forgets all: the time in which leases could not be read says nothing about their processes.
    pub(super) fn clear(&self) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clear();
    }
}
