//! Migrations, and which of them a gateway of this version knows.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::{AnyConnection, Error};
use tokio::time::timeout;

use super::connect::{OPEN_TIMEOUT, in_time, is_lost, keep_alive};

/// The table in which sqlx records what it has applied.
const APPLIED: &str = "_sqlx_migrations";

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

pub(super) fn migrator(is_sqlite: bool) -> &'static Migrator {
    if is_sqlite { &SQLITE } else { &POSTGRES }
}

/// The schema version after all migrations.
pub(super) fn version(migrator: &Migrator) -> i64 {
    let versions = migrator.iter().map(|migration| migration.version);
    versions.max().unwrap_or_default()
}

/// The schema version of this release.
#[must_use]
pub fn latest_schema() -> i64 {
    version(&SQLITE)
}

/// The statements that make the audit trail's indexes on `PostgreSQL` while gateways go on writing.
#[must_use]
pub fn indexes_of_the_trail() -> String {
    const INDEXES: [i64; 2] = [8, 13];
    let migrations = POSTGRES.iter();
    let indexes = migrations.filter(|migration| INDEXES.contains(&migration.version));
    let statements: Vec<&str> = indexes.map(|migration| migration.sql.as_str()).collect();
    let statements = statements.join("\n");
    statements.replace("CREATE INDEX", "CREATE INDEX CONCURRENTLY")
}

/// The schema version of a database; 0 if it has none yet.
pub(super) async fn found(connection: &mut AnyConnection) -> Result<i64, Error> {
    let found =
        sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success");
    match in_time(found.fetch_one(connection)).await {
        Err(error @ Error::Database(_)) if !is_lost(&error) => Ok(0),
        found => found,
    }
}

/// Brings the schema up to date. An up-to-date schema needs no lock, so a gateway that holds the lock
/// does not keep others from starting. Reading a server's schema has a time limit; migrating has none.
pub(super) async fn migrate(
    migrator: &Migrator,
    connection: &mut AnyConnection,
) -> Result<(), MigrateError> {
    let is_current = if connection.backend_name() == "SQLite" {
        is_current(migrator, connection).await
    } else {
        let look = async {
            keep_alive(connection).await?;
            is_current(migrator, connection).await
        };
        let late = |_| Err(Error::Io(ErrorKind::TimedOut.into()).into());
        timeout(OPEN_TIMEOUT, look).await.unwrap_or_else(late)
    };
    if !is_current? {
        tracing::info!("migrating the database, after any other gateway that does");
        run(migrator, connection).await?;
    }
    Ok(())
}

/// Whether all migrations are applied. Fails where applying them would fail.
async fn is_current(
    migrator: &Migrator,
    connection: &mut AnyConnection,
) -> Result<bool, MigrateError> {
    let applied = match connection.list_applied_migrations(APPLIED).await {
        Ok(applied) => applied,
        // The table does not exist yet; for any other cause, applying will fail, too.
        Err(MigrateError::Execute(Error::Database(_))) => return Ok(false),
        Err(error) => return Err(error),
    };
    if let Some(version) = connection.dirty_version(APPLIED).await? {
        return Err(MigrateError::Dirty(version));
    }
    let versions = applied.iter().map(|migration| migration.version);
    let unknown = versions.filter(|version| !migrator.version_exists(*version));
    if let Some(unknown) = unknown.max() {
        return Err(MigrateError::VersionMissing(unknown));
    }
    Ok(migrator.iter().all(|known| {
        let mut applied = applied.iter();
        applied.any(|one| one.version == known.version && one.checksum == known.checksum)
    }))
}

/// `SQLite` has no lock for two processes that start on a new file at once: the slower one fails, and
/// finds the work done when it tries again.
async fn run(migrator: &Migrator, connection: &mut AnyConnection) -> Result<(), MigrateError> {
    const ATTEMPTS: u32 = 5;
    for attempt in 1..ATTEMPTS {
        match migrator.run(&mut *connection).await {
            Ok(()) => return Ok(()),
            Err(
                error @ (MigrateError::VersionMissing(_) | MigrateError::Execute(Error::Io(_))),
            ) => return Err(error),
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(50) * attempt).await;
    }
    migrator.run(&mut *connection).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_database_have_the_same_schema_versions() {
        let versions = |migrator: &Migrator| -> Vec<i64> {
            migrator.iter().map(|migration| migration.version).collect()
        };
        assert_eq!(versions(&SQLITE), versions(&POSTGRES));
    }

    #[test]
    fn the_printed_indexes_are_made_without_blocking_writers() {
        let statements = indexes_of_the_trail();
        let made = statements.matches("CREATE INDEX").count();
        let concurrently = statements.matches("CREATE INDEX CONCURRENTLY").count();
        assert!(made >= 8 && made == concurrently, "{statements}");
        let column = statements.find("ADD COLUMN IF NOT EXISTS session_token_hash");
        assert!(column < statements.find("audit_trail_session_token") && column.is_some());
    }
}
