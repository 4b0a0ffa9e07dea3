use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use cloakroom::adapters::SystemClock;
use cloakroom::service::Clock;

/// The machine's clock, some minutes ahead.
#[derive(Default)]
pub(super) struct JumpingClock(AtomicI64);

impl JumpingClock {
    pub(super) fn jump(&self, minutes: u32) {
        self.0.fetch_add(i64::from(minutes), Ordering::Relaxed);
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::minutes(self.0.load(Ordering::Relaxed))
    }
}
