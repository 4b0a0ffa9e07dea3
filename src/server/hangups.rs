#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// `SIGHUP`, by which operators ask a process to reload its files. Once this is created, the signal no
/// longer ends the process.
pub(super) struct Hangups {
    #[cfg(unix)]
    signals: Option<Signal>,
}

impl Hangups {
    #[cfg(unix)]
    pub(super) fn new() -> Self {
        Self {
            signals: signal(SignalKind::hangup()).ok(),
        }
    }

    #[cfg(not(unix))]
    pub(super) fn new() -> Self {
        Self {}
    }

    /// Resolves with the next signal; never on systems without it.
    pub(super) async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signals) = &mut self.signals
            && signals.recv().await.is_some()
        {
            return;
        }
        // No signal will come.
        std::future::pending::<()>().await;
    }
}
