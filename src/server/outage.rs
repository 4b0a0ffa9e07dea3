use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// How long after a line about an outage the next one comes; then twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two lines.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How often something that the gateway waits for is looked for.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Something that the gateway cannot work without and that may be away. The log says so at once,
/// again after 1 s, 2 s, 4 s and so on, and once when it is there.
#[derive(Debug)]
pub(super) struct Outage {
    /// What is away, after "waiting for".
    what: &'static str,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    began: Instant,
    said: Instant,
    pause: Duration,
}

impl Outage {
    /// Of something that is there, as far as is known.
    pub(super) fn new(what: &'static str) -> Self {
        let current = None;
        Self { what, current }
    }

    /// An attempt has failed.
    pub(super) fn failed(&mut self, cause: &impl fmt::Display) {
        if let Some(waited) = self.due() {
            tracing::warn!(%cause, waited_s = waited.as_secs(), "waiting for {}", self.what);
        }
    }

    /// An attempt has succeeded.
    pub(super) fn ended(&mut self) {
        if let Some(outage) = self.current.take() {
            let waited_s = outage.began.elapsed().as_secs();
            tracing::info!(waited_s, "no longer waiting for {}", self.what);
        }
    }

    /// How long it is away already, if a line is due. Counts as said.
    fn due(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let Some(current) = &mut self.current else {
            self.current = Some(Current {
                began: now,
                said: now,
                pause: FIRST_PAUSE,
            });
            return Some(Duration::ZERO);
        };
        if now.duration_since(current.said) < current.pause {
            return None;
        }
        current.said = now;
        current.pause = LONGEST_PAUSE.min(2 * current.pause);
        Some(now.duration_since(current.began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_logged_with_backoff() {
        let mut outage = Outage::new("it");
        let mut said = Vec::new();
        for second in 0..200 {
            if outage.due().is_some() {
                said.push(second);
            }
            tokio::time::advance(LOOK_EVERY).await;
        }
        assert_eq!(said, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
        outage.ended();
        assert_eq!(outage.due(), Some(Duration::ZERO), "another one");
    }
}
