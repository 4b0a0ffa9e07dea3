//! What the pool keeps, and when it stops using a connection.

use std::time::{Duration, Instant};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use sqlx::{AnyConnection, Connection, Error};

use super::opener::Opener;

/// How long an unused connection is trusted without a ping.
const FRESH: Duration = Duration::from_secs(1);

/// How long a ping may take.
const PING_TIMEOUT: Duration = Duration::from_millis(500);

/// Shorter than firewalls and NAT gateways remember an idle connection: 240 s is the shortest
/// default of the large clouds.
const IDLE_LIMIT: Duration = Duration::from_mins(1);

/// How old a connection gets: a database that has moved to another address is found by then.
const MAX_LIFETIME: Duration = Duration::from_mins(30);

/// A place in the pool; empty while its connection is in use.
#[derive(Debug)]
pub(super) struct Slot(pub(super) Option<Kept>);

/// A connection that waits for the next statement.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) connection: AnyConnection,
    pub(super) opened: Instant,
    pub(super) used: Instant,
    /// [`Opener::generation`] when it last answered.
    pub(super) generation: u64,
}

impl Opener {
    /// Whether the connection should not be used any more.
    pub(super) fn is_spent(&self, kept: &Kept) -> bool {
        !self.is_sqlite()
            && (kept.generation != self.generation()
                || kept.used.elapsed() > IDLE_LIMIT
                || kept.opened.elapsed() > MAX_LIFETIME)
    }
}

impl Manager for Opener {
    type Type = Slot;
    type Error = Error;

    async fn create(&self) -> Result<Slot, Error> {
        let now = Instant::now();
        Ok(Slot(Some(Kept {
            connection: self.open_for_statements().await?,
            opened: now,
            used: now,
            generation: self.generation(),
        })))
    }

    async fn recycle(&self, slot: &mut Slot, _: &Metrics) -> RecycleResult<Error> {
        let Some(kept) = &mut slot.0 else {
            return Err(RecycleError::message("its statement was given up"));
        };
        if self.is_spent(kept) {
            return Err(RecycleError::message("spent"));
        }
        // A file does not hang up.
        if self.is_sqlite() || kept.used.elapsed() < FRESH {
            return Ok(());
        }
        let pinged = tokio::time::timeout(PING_TIMEOUT, kept.connection.ping()).await;
        let Ok(answer) = pinged else {
            self.next_generation();
            return Err(RecycleError::message("no answer"));
        };
        Ok(answer?)
    }
}
