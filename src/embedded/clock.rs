use chrono::{DateTime, Utc};

/// The time of these servers. They stand in for other machines, which have clocks of their own.
#[expect(
    clippy::disallowed_methods,
    reason = "these servers are foreign: the gateway's clock is not theirs"
)]
pub(super) fn now() -> DateTime<Utc> {
    Utc::now()
}
