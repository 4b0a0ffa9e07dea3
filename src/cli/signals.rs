//! The signals that ask the process to end.

use std::future::Future;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Resolves when the process gets SIGTERM or Ctrl-C. From this call on they do not end the process by
/// themselves.
#[cfg(unix)]
pub(super) fn stop() -> impl Future<Output = ()> {
    let [terminate, interrupt] = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    async {
        tokio::select! {
            () = arrival(terminate) => {}
            () = arrival(interrupt) => {}
        }
    }
}

/// Resolves when the process gets Ctrl-C.
#[cfg(not(unix))]
pub(super) async fn stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Never resolves if the signal cannot be received.
#[cfg(unix)]
async fn arrival(signal: std::io::Result<Signal>) {
    match signal {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}
