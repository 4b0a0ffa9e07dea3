use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a rotation needs at most to write down how far it has come, once it is told to stop.
const LEAVE: Duration = Duration::from_secs(5);

/// The rotations of this process: tasks that go on after their request is answered, and that a
/// gateway must not cut off when it stops.
#[derive(Clone, Default)]
pub struct Rotations {
    running: TaskTracker,
    stop: CancellationToken,
}

impl Rotations {
    /// Waits for `work` too: as long as it goes on, it may start a rotation.
    pub fn track<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.running.track_future(work)
    }

    /// Resolves when a rotation should wait for its proof no longer.
    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Waits until everything has ended, for `limit` at most. A rotation whose new pair is not
    /// proven 5 s before that gives its key back and leaves both pairs.
    pub async fn end_within(&self, limit: Duration) {
        let end = Instant::now() + limit;
        self.running.close();
        let leaving = async {
            sleep_until(end - LEAVE).await;
            self.stop.cancel();
            timeout_at(end, self.running.wait()).await.is_ok()
        };
        let has_ended = tokio::select! {
            biased;
            () = self.running.wait() => true,
            has_ended = leaving => has_ended,
        };
        if !has_ended {
            tracing::warn!("rotations of access keys have not ended in time: they break off");
        }
    }
}
