use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// The pause between the first two log lines about an outage; it doubles with each line.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two log lines.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How often the gateway retries what it waits for.
pub(super) const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Logs the outage of something the gateway cannot work without: at once, again after 1 s, 2 s, 4 s and
/// so on, and once when it is over.
#[derive(Debug)]
pub(super) struct Outage {
    /// What is missing; follows "waiting for" in the log.
    what: &'static str,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    began: Instant,
    logged: Instant,
    pause: Duration,
}

impl Outage {
    /// No outage yet.
    pub(super) fn new(what: &'static str) -> Self {
        let current = None;
        Self { what, current }
    }

    /// Records a failed attempt.
    pub(super) fn failed(&mut self, cause: &impl fmt::Display) {
        if let Some(waited) = self.due() {
            tracing::warn!(%cause, waited_s = waited.as_secs(), "waiting for {}", self.what);
        }
    }

    /// Records a successful attempt.
    pub(super) fn ended(&mut self) {
        if let Some(outage) = self.current.take() {
            let waited_s = outage.began.elapsed().as_secs();
            tracing::info!(waited_s, "no longer waiting for {}", self.what);
        }
    }

    /// How long the outage has lasted, if a log line is due now. Counts as logged.
    fn due(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let Some(current) = &mut self.current else {
            self.current = Some(Current {
                began: now,
                logged: now,
                pause: FIRST_PAUSE,
            });
            return Some(Duration::ZERO);
        };
        if now.duration_since(current.logged) < current.pause {
            return None;
        }
        current.logged = now;
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
        let mut logged = Vec::new();
        for second in 0..200 {
            if outage.due().is_some() {
                logged.push(second);
            }
            tokio::time::advance(RETRY_EVERY).await;
        }
        assert_eq!(logged, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
        outage.ended();
        assert_eq!(outage.due(), Some(Duration::ZERO), "another one");
    }
}
