use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// When an answer must be out (docs/call.md): one a request, shared by all its steps.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

/// The step's own time, or what was left of the request's, is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time allowed has passed")]
pub struct DeadlineError;

impl Deadline {
    /// So long from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn has_passed(self) -> bool {
        self.0 <= Instant::now()
    }

    /// Waits for all the steps no longer than what is left, whatever limits they have themselves.
    ///
    /// # Errors
    ///
    /// [`DeadlineError`]; the steps are dropped then.
    pub async fn limit_all<T>(self, steps: impl Future<Output = T>) -> Result<T, DeadlineError> {
        timeout_at(self.0, steps).await.map_err(|_| DeadlineError)
    }

    /// Waits for a step no longer than its own time and what is left of the request's.
    ///
    /// # Errors
    ///
    /// [`DeadlineError`]; the step is dropped then.
    pub async fn limit<T>(
        self,
        own: Duration,
        step: impl Future<Output = T>,
    ) -> Result<T, DeadlineError> {
        timeout_at(self.0.min(Instant::now() + own), step)
            .await
            .map_err(|_| DeadlineError)
    }
}
