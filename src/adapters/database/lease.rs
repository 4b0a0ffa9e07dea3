//! A connection in use.

use std::time::{Duration, Instant};

use deadpool::managed::Object;
use sqlx::{AnyConnection, Error};

use super::connect::is_lost;
use super::opener::Opener;
use super::slot::{Kept, Slot};

/// How long `PostgreSQL` may take for a statement. What waits for the connection meanwhile must still
/// have time for its own.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection in use. It is closed unless it is given back.
pub(super) struct Lease {
    pub(super) connection: AnyConnection,
    opened: Instant,
    slot: Object<Opener>,
    pub(super) opener: Opener,
}

impl Lease {
    /// Takes the connection out of its place in the pool.
    pub(super) fn take(mut slot: Object<Opener>, opener: Opener) -> Result<Self, Error> {
        let kept = slot.0.take().ok_or(Error::WorkerCrashed)?;
        opener.check_file()?;
        Ok(Self {
            connection: kept.connection,
            opened: kept.opened,
            slot,
            opener,
        })
    }

    /// Keeps the connection for the next statement.
    pub(super) fn give_back(self) {
        let Self {
            connection,
            opened,
            mut slot,
            opener,
        } = self;
        *slot = Slot(Some(Kept {
            connection,
            opened,
            used: Instant::now(),
            generation: opener.generation(),
        }));
    }

    /// Runs something on the connection, no longer than a statement may take.
    pub(super) async fn run<T>(
        mut self,
        statement: impl AsyncFnOnce(&mut AnyConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let opener = self.opener.clone();
        // SQLite waits for other processes by itself.
        let limit = if opener.is_sqlite() {
            Duration::MAX
        } else {
            ANSWER_TIMEOUT
        };
        let Ok(done) = tokio::time::timeout(limit, statement(&mut self.connection)).await else {
            opener.next_generation();
            return Err(Error::Io(std::io::ErrorKind::TimedOut.into()));
        };
        if has_answered(&done) {
            self.give_back();
        }
        // What was written into a file that was removed meanwhile is lost.
        opener.check_file()?;
        done
    }
}

/// Whether the database has answered and the connection can be used again.
fn has_answered<T>(done: &Result<T, Error>) -> bool {
    match done {
        Ok(_) => true,
        Err(error @ Error::Database(_)) => !is_lost(error),
        Err(_) => false,
    }
}
