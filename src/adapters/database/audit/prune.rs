use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::Error;
use tokio::time::{sleep, timeout};

use crate::service::RegistryError;

use crate::adapters::database::Database;
use crate::adapters::database::rows::utc;
use crate::adapters::database::statement::{bounded, failed};

use super::blocks::blocks;

/// How many rows one statement removes. On `SQLite` the trail's next group waits for it.
const BATCH: i64 = 128;

/// How much longer than a statement the pause after it is: requests have the database for the rest of
/// the time.
const REST: u32 = 19;

/// How long it may take to see which blocks have old rows.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

macro_rules! remove {
    ($lock:literal) => {
        concat!(
            "WITH old AS MATERIALIZED (SELECT id FROM audit_trail WHERE id >> 14 = $1 AND time < $2 \
             AND expiration < $3 AND NOT (action = 'access-key rotate' AND EXISTS \
             (SELECT 1 FROM access_key_pairs p WHERE p.access_key = audit_trail.owner_id \
             AND p.access_key_id = audit_trail.access_key_id)) LIMIT $4",
            $lock,
            ") DELETE FROM audit_trail WHERE id IN (SELECT id FROM old)"
        )
    };
}

const ON_SQLITE: &str = remove!("");

/// Replicas that remove rows at the same time do not wait for each other.
const ON_POSTGRES: &str = remove!(" FOR UPDATE SKIP LOCKED");

/// Removes old rows of the trail while the gateway writes to it.
pub struct AuditPruner {
    database: Database,
}

/// The rows that were removed from one block. Logged when it is dropped, and so also when the gateway
/// stops or the database fails.
struct Removed<'a> {
    before: &'a str,
    rows: u64,
}

impl AuditPruner {
    /// Of this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Removes the rows from before `before`, a few at a time, except those of sessions that end after
    /// `now` and those of key pairs that are still in use.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the database fails. What was removed until then stays so.
    pub async fn prune(
        &self,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        let blocks = self.blocks(before).await?;
        let (before, now) = (utc(before), utc(now));
        for block in blocks {
            let mut removed = Removed {
                before: &before,
                rows: 0,
            };
            loop {
                let began = Instant::now();
                let rows = bounded("audit", self.remove(block, &before, &now)).await?;
                removed.rows += rows;
                sleep(began.elapsed().saturating_mul(REST)).await;
                if rows < BATCH.unsigned_abs() {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn blocks(&self, before: DateTime<Utc>) -> Result<Vec<i64>, RegistryError> {
        let database = &self.database;
        let reading = database.run_unhurried(async |one| blocks(None, Some(before), one).await);
        match timeout(READ_TIMEOUT, reading).await {
            Ok(read) => read.map_err(|error| failed("audit", &error)),
            Err(_) => Err(RegistryError::late("audit")),
        }
    }

    /// `SQLite` has one writer, and one that does not get the lock sleeps before it tries again. On the
    /// trail's own connection the two take turns without that.
    async fn remove(&self, block: i64, before: &str, now: &str) -> Result<u64, Error> {
        let Database {
            pool,
            trail,
            opener,
            ..
        } = &self.database;
        let (connections, statement) = if opener.is_sqlite() {
            (trail, ON_SQLITE)
        } else {
            (pool, ON_POSTGRES)
        };
        let statement = sqlx::query(statement)
            .bind(block)
            .bind(before)
            .bind(now)
            .bind(BATCH);
        let removed = connections.run(async |one| statement.execute(one).await);
        Ok(removed.await?.rows_affected())
    }
}

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        if self.rows > 0 {
            let Self { before, rows } = self;
            tracing::info!(rows, before, "removed old rows of the audit trail");
        }
    }
}

#[cfg(test)]
mod tests;
