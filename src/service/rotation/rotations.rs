use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::timing::LEAVE_LIMIT;

/// The rotations of this process. They go on after their requests are answered, and a gateway that stops
/// must wait for them.
#[derive(Clone, Default)]
pub struct Rotations {
    running: TaskTracker,
    stop: CancellationToken,
    ended: Arc<Ended>,
}

/// How many rotations have ended in each way.
#[derive(Default)]
struct Ended {
    proven: AtomicU64,
    failed: AtomicU64,
    left: AtomicU64,
}

/// How a rotation that had taken its key ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationOutcome {
    /// The new pair is proven and the current one.
    Proven,
    /// The pair before stays the current one.
    Failed,
    /// The gateway stopped before the new pair was proven. Both pairs live on.
    Left,
}

impl Rotations {
    /// Waits for `work`, too, because it may start a rotation.
    pub fn track<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.running.track_future(work)
    }

    /// How many rotations of this process have ended so.
    #[must_use]
    pub fn ended(&self, outcome: RotationOutcome) -> u64 {
        self.ended.counter(outcome).load(Ordering::Relaxed)
    }

    /// A rotation has ended.
    pub(super) fn count(&self, outcome: RotationOutcome) {
        self.ended.counter(outcome).fetch_add(1, Ordering::Relaxed);
    }

    /// Resolves when a rotation should no longer wait for its proof.
    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Waits until all rotations have ended, for `limit` at most. Five seconds before that, rotations
    /// whose new pair is not proven give their keys back and leave both pairs.
    pub async fn end_within(&self, limit: Duration) {
        let end = Instant::now() + limit;
        self.running.close();
        let leaving = async {
            sleep_until(end - LEAVE_LIMIT).await;
            self.stop.cancel();
            timeout_at(end, self.running.wait()).await.is_ok()
        };
        let has_ended = tokio::select! {
            biased;
            () = self.running.wait() => true,
            has_ended = leaving => has_ended,
        };
        if !has_ended {
            tracing::warn!("rotations of access keys have not ended in time and are cut off");
        }
    }
}

impl Ended {
    fn counter(&self, outcome: RotationOutcome) -> &AtomicU64 {
        match outcome {
            RotationOutcome::Proven => &self.proven,
            RotationOutcome::Failed => &self.failed,
            RotationOutcome::Left => &self.left,
        }
    }
}

impl RotationOutcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Proven, Self::Failed, Self::Left];

    /// As metrics write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Failed => "failed",
            Self::Left => "left",
        }
    }
}
