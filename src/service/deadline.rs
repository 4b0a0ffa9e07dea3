use std::future::Future;
use std::time::Duration;

use futures_util::TryFutureExt;
use tokio::time::{Instant, timeout_at};

/// When a request must be answered (docs/call.md). All its steps share the deadline.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

/// The time of the step or of the request is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time allowed has passed")]
pub struct DeadlineError;

impl Deadline {
    /// A deadline this long from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// Whether the time is over.
    #[must_use]
    pub fn has_passed(self) -> bool {
        self.0 <= Instant::now()
    }

    /// Runs all the steps, which may have their own limits, until the deadline.
    ///
    /// # Errors
    ///
    /// [`DeadlineError`] when the time is over. The steps are dropped.
    // Not an `async fn`, whose future would hold the steps twice.
    pub fn limit_all<T>(
        self,
        steps: impl Future<Output = T>,
    ) -> impl Future<Output = Result<T, DeadlineError>> {
        timeout_at(self.0, steps).map_err(|_| DeadlineError)
    }

    /// Runs a step for `own` at most, and not beyond the deadline.
    ///
    /// # Errors
    ///
    /// [`DeadlineError`] when the time is over. The step is dropped.
    pub fn limit<T>(
        self,
        own: Duration,
        step: impl Future<Output = T>,
    ) -> impl Future<Output = Result<T, DeadlineError>> {
        timeout_at(self.0.min(Instant::now() + own), step).map_err(|_| DeadlineError)
    }
}
