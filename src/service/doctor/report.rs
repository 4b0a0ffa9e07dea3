use std::future::Future;
use std::time::{Duration, Instant};

/// What an examination found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The checks, in the order in which they were made.
    pub checks: Vec<Check>,
    /// Whether the examination was interrupted.
    pub interrupted: bool,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What must hold.
    pub name: String,
    /// Whether it does.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not hold, or that cannot be told, and why.
    Failed(String),
    /// There is nothing to check here, and why.
    Skipped(String),
}

impl Report {
    /// Whether all checks were made and none failed.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        !self.interrupted && !self.checks.is_empty() && self.failures().next().is_none()
    }

    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        let failed = |check: &&Check| matches!(check.outcome, Outcome::Failed(_));
        self.checks.iter().filter(failed)
    }

    /// Makes a check. Returns false if it failed.
    pub(super) async fn check(
        &mut self,
        name: impl Into<String>,
        checking: impl Future<Output = Outcome>,
    ) -> bool {
        let started = Instant::now();
        let outcome = tokio::time::timeout(super::CHECK_TIMEOUT, checking)
            .await
            .unwrap_or_else(|_| Outcome::Failed("timed out".to_owned()));
        let failed = matches!(outcome, Outcome::Failed(_));
        self.checks.push(Check {
            name: name.into(),
            outcome,
            took: started.elapsed(),
        });
        !failed
    }
}

impl<E: ToString> From<Result<(), E>> for Outcome {
    fn from(result: Result<(), E>) -> Self {
        match result {
            Ok(()) => Self::Passed,
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}
