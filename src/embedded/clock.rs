use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

/// A clock that can be moved ahead, so that a test sees the end of what lives for hours.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    ahead: Arc<AtomicU64>,
}

impl Clock {
    pub(super) fn now(&self) -> DateTime<Utc> {
        now() + self.ahead()
    }

    pub(super) fn instant(&self) -> Instant {
        Instant::now() + self.ahead()
    }

    pub(super) fn advance(&self, by: Duration) {
        let milliseconds = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.ahead.fetch_add(milliseconds, Ordering::Relaxed);
    }

    fn ahead(&self) -> Duration {
        Duration::from_millis(self.ahead.load(Ordering::Relaxed))
    }
}

/// The time of these servers. They stand in for other machines, which have clocks of their own.
#[expect(
    clippy::disallowed_methods,
    reason = "these servers are foreign: the gateway's clock is not theirs"
)]
pub(super) fn now() -> DateTime<Utc> {
    Utc::now()
}
