//! Connections that are kept open for the next statement.
//!
//! A connection is given back by a statement that has had its answer, and by nothing else. One
//! whose statement was given up (no answer in time, the caller left) is closed without waiting:
//! the other end may be gone without a word, as behind a firewall that drops idle connections.

use std::fmt;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Pool, PoolError, QueueMode, Timeouts};
use sqlx::{AnyConnection, Error};

use super::connect::close;
use super::lease::Lease;
use super::opener::Opener;
use super::slot::Kept;

/// How long a statement waits for its turn.
const WAIT: Duration = Duration::from_secs(3);

/// Connections to one database, which are shared.
#[derive(Clone)]
pub(super) struct Connections(Pool<Opener>);

impl Connections {
    /// At most so many at a time.
    pub(super) fn new(opener: Opener, size: usize) -> Result<Self, Error> {
        let timeouts = Timeouts {
            wait: Some(WAIT),
            ..Timeouts::default()
        };
        Pool::builder(opener)
            .max_size(size)
            .timeouts(timeouts)
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build()
            .map(Self)
            .map_err(|error| Error::Configuration(error.into()))
    }

    /// One of them.
    pub(super) async fn acquire(&self) -> Result<Lease, Error> {
        let slot = self.0.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Closed => Error::PoolClosed,
            _ => Error::PoolTimedOut,
        })?;
        Lease::take(slot, self.0.manager().clone())
    }

    /// Runs one statement on any of them.
    pub(super) async fn run<T>(
        &self,
        statement: impl AsyncFnOnce(&mut AnyConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.acquire().await?.run(statement).await
    }

    /// Closes those that were not used for a while.
    pub(super) async fn close_idle(&self) {
        self.close_those(|kept| self.0.manager().is_spent(kept))
            .await;
    }

    /// Closes all; there are no more from now on.
    pub(super) async fn close(&self) {
        self.close_those(|_| true).await;
        self.0.close();
    }

    async fn close_those(&self, is_one: impl Fn(&Kept) -> bool) {
        let slots = self
            .0
            .retain(|slot, _| !slot.0.as_ref().is_none_or(&is_one));
        let closing = slots.removed.into_iter().filter_map(|slot| slot.0);
        let closing = closing.map(|kept| close(kept.connection));
        futures_util::future::join_all(closing).await;
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connections").finish_non_exhaustive()
    }
}
