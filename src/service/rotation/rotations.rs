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
}

impl Rotations {
    /// Waits for `work`, too, because it may start a rotation.
    pub fn track<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.running.track_future(work)
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
