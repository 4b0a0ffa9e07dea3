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
    /// Those of the leases held now that have stood as they are for [`GONE`].
    pub(super) fn gone(&self, held: Vec<HeldLease>) -> Vec<HeldLease> {
        let now = Instant::now();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *seen);
        let mut gone = Vec::new();
        for lease in held {
            let same = before.get(&lease.key).filter(|(seen, _)| *seen == lease);
            let since = same.map_or(now, |(_, since)| *since);
            if now.duration_since(since) >= GONE {
                gone.push(lease.clone());
            }
            seen.insert(lease.key.clone(), (lease, since));
        }
        gone
    }
}
