use chrono::{DateTime, Utc};

use crate::service::Clock;

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port's one adapter")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
