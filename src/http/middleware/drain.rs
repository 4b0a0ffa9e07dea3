use std::sync::atomic::{AtomicU8, Ordering};

/// The shutdown stage (docs/operations.md).
#[derive(Debug, Default)]
pub struct ShutdownStage(AtomicU8);

const LEAVING: u8 = 1;
const CLOSED: u8 = 2;

impl ShutdownStage {
    /// From now on `/readyz` answers 503, so that load balancers look elsewhere. All else goes on.
    pub fn leave(&self) {
        self.0.fetch_max(LEAVING, Ordering::Relaxed);
    }

    /// From now on requests that arrive get 503, and every answer closes its connection.
    pub fn close(&self) {
        self.0.fetch_max(CLOSED, Ordering::Relaxed);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= LEAVING
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= CLOSED
    }
}
