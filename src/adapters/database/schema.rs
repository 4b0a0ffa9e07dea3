//! Migrations, and which of them a gateway of this version knows.

use std::time::Duration;

use sqlx::AnyConnection;
use sqlx::migrate::{MigrateError, Migrator};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

pub(super) fn migrator(is_sqlite: bool) -> &'static Migrator {
    if is_sqlite { &SQLITE } else { &POSTGRES }
}

/// The version that a migrator brings a schema to.
pub(super) fn version(migrator: &Migrator) -> i64 {
    let versions = migrator.iter().map(|migration| migration.version);
    versions.max().unwrap_or_default()
}

/// `SQLite` has no lock for two processes that start on a new file at once: the slower one fails,
/// and finds the work done when it looks again.
pub(super) async fn migrate(
    migrator: &Migrator,
    connection: &mut AnyConnection,
) -> Result<(), MigrateError> {
    const ATTEMPTS: u32 = 5;
    for attempt in 1..ATTEMPTS {
        match migrator.run(&mut *connection).await {
            Ok(()) => return Ok(()),
            Err(error @ MigrateError::VersionMissing(_)) => return Err(error),
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(50) * attempt).await;
    }
    migrator.run(&mut *connection).await
}
