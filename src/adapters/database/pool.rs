use sqlx::any::{AnyConnectOptions, AnyRow};
use sqlx::migrate::MigrateError;
use sqlx::{AnyConnection, Error};

use crate::service::RegistryError;

use super::connect::{close, in_time, is_lost, open};
use super::connections::Connections;
use super::error::DatabaseError;
use super::file::{DatabaseFile, create_private, path_of};
use super::fingerprint::Fingerprint;
use super::guard::guarded;
use super::opener::Opener;
use super::schema::{found, migrate, migrator, version};
use super::statement::{self, Statement, bounded, failed};

/// How many statements run at a time, besides the audit trail's.
const MAX_CONNECTIONS: usize = 8;

/// A database whose schema is up to date.
#[derive(Clone, Debug)]
pub struct Database {
    pub(super) pool: Connections,
    /// For the audit trail, whose commits do not wait for other statements.
    pub(super) trail: Connections,
    pub(super) fingerprint: Fingerprint,
    pub(super) opener: Opener,
}

impl Database {
    /// Connects and brings the schema up to date. `url` is `sqlite://…` or `postgres://…`.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when either fails.
    pub async fn open(url: &str) -> Result<Self, DatabaseError> {
        let (options, mut connection) = connect(url).await?;
        let is_sqlite = is_sqlite(url);
        let migrator = migrator(is_sqlite);
        let migrated = guarded(Box::pin(migrate(migrator, &mut connection))).await;
        migrated.map_err(|error| match error {
            MigrateError::VersionMissing(found) if found > version(migrator) => {
                DatabaseError::newer(&options, found, version(migrator))
            }
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)
                if is_sqlite =>
            {
                DatabaseError::unusable(&options, error)
            }
            error => DatabaseError::migrating(&options, error),
        })?;
        if is_sqlite {
            let writable = must_be_writable(&mut connection).await;
            writable.map_err(|error| DatabaseError::unusable(&options, error))?;
        }
        Self::over(options, connection, is_sqlite).await
    }

    /// Connects to a database that a gateway of this version has created. `url` is `sqlite://…` or
    /// `postgres://…`.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when there is none, or its schema is another version's.
    pub async fn open_existing(url: &str) -> Result<Self, DatabaseError> {
        let url = url.replace("mode=rwc", "mode=rw");
        let (options, mut connection) = connect(&url).await?;
        let applied = sqlx::query_as(
            "SELECT count(*), coalesce(max(version), 0) FROM _sqlx_migrations WHERE success",
        );
        let counted = in_time(applied.fetch_one(&mut connection)).await;
        let (applied, found): (i64, i64) = counted.map_err(|error| match error {
            Error::Database(_) if !is_lost(&error) => DatabaseError::NotOurs,
            error => DatabaseError::opening(&options, error),
        })?;
        let is_sqlite = is_sqlite(&url);
        let migrator = migrator(is_sqlite);
        if found > version(migrator) {
            return Err(DatabaseError::newer(&options, found, version(migrator)));
        }
        if found == 0 {
            return Err(DatabaseError::NotOurs);
        }
        if usize::try_from(applied).ok() != Some(migrator.iter().count()) {
            return Err(DatabaseError::older(&options, found, version(migrator)));
        }
        Self::over(options, connection, is_sqlite).await
    }

    /// The schema version of a database, which stays as it is; 0 if it has none yet.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when it cannot be opened.
    pub async fn found_schema(url: &str) -> Result<i64, DatabaseError> {
        if Self::is_missing(url) {
            return Ok(0);
        }
        let (options, mut connection) = connect(&url.replace("mode=rwc", "mode=rw")).await?;
        let found = found(&mut connection).await;
        close(connection).await;
        found.map_err(|error| DatabaseError::opening(&options, error))
    }

    async fn over(
        options: AnyConnectOptions,
        first: AnyConnection,
        is_sqlite: bool,
    ) -> Result<Self, DatabaseError> {
        let file = if is_sqlite {
            let path = path_of(&options).map_err(DatabaseError::Open)?;
            Some(DatabaseFile::new(&path, first).map_err(DatabaseError::Open)?)
        } else {
            close(first).await;
            None
        };
        let opener = Opener::new(options, file);
        let connections =
            |size| Connections::new(opener.clone(), size).map_err(DatabaseError::Open);
        Ok(Self {
            pool: connections(MAX_CONNECTIONS)?,
            trail: connections(1)?,
            fingerprint: Fingerprint::default(),
            opener,
        })
    }

    /// The version of the schema.
    #[must_use]
    pub fn schema_version(&self) -> i64 {
        version(migrator(self.opener.is_sqlite()))
    }

    /// Whether the URL names a file.
    #[must_use]
    pub fn is_file(url: &str) -> bool {
        is_sqlite(url)
    }

    /// Whether the URL names a file that does not exist.
    #[must_use]
    pub fn is_missing(url: &str) -> bool {
        let options = url.parse::<AnyConnectOptions>();
        let path = options.and_then(|options| path_of(&options));
        is_sqlite(url) && path.is_ok_and(|path| !path.exists())
    }

    /// Sets the values that this replica makes bucket names with, by the configuration's keys. Once
    /// the registry has others, calls that hand something out fail.
    #[must_use]
    pub fn with_fingerprint(self, parts: Vec<(String, String)>) -> Self {
        let fingerprint = Fingerprint::new(parts);
        Self {
            fingerprint,
            ..self
        }
    }

    /// Opens further connections with this URL, which may have another password but must name the
    /// same database.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Open`] when the URL does not name a database.
    pub fn reconnect(&self, url: &str) -> Result<(), DatabaseError> {
        self.opener.set_options(parse(url)?);
        Ok(())
    }

    /// Runs a statement, and returns how many rows it changes.
    pub(super) async fn execute(
        &self,
        step: &'static str,
        statement: Statement<'_>,
    ) -> Result<u64, RegistryError> {
        let executing = self.pool.run(async |one| statement.execute(one).await);
        statement::changed(step, executing).await
    }

    /// The rows that a statement finds.
    pub(super) async fn rows<T>(
        &self,
        step: &'static str,
        statement: Statement<'_>,
        parse: impl Fn(&AnyRow) -> Result<T, RegistryError>,
    ) -> Result<Vec<T>, RegistryError> {
        let fetching = self.pool.run(async |one| statement.fetch_all(one).await);
        statement::rows(step, fetching, parse).await
    }

    /// The first row that a statement finds.
    pub(super) async fn row<T>(
        &self,
        step: &'static str,
        statement: Statement<'_>,
        parse: impl Fn(&AnyRow) -> Result<T, RegistryError>,
    ) -> Result<Option<T>, RegistryError> {
        let fetching = self
            .pool
            .run(async |one| statement.fetch_optional(one).await);
        statement::row(step, fetching, parse).await
    }

    /// Whether bucket names are made here with the registry's values.
    pub(super) async fn has_current_formula(&self) -> Result<bool, RegistryError> {
        let fingerprint = &self.fingerprint;
        let asking = self.pool.run(async |one| fingerprint.is_current(one).await);
        bounded("fingerprint", asking).await
    }

    /// Runs statements on a separate connection, which may take longer than a request.
    pub(super) async fn run_unhurried<T>(
        &self,
        statements: impl AsyncFnOnce(&mut AnyConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let mut connection = self.open_unhurried().await?;
        let done = guarded(statements(&mut connection)).await?;
        close(connection).await;
        Ok(done)
    }

    pub(super) async fn open_unhurried(&self) -> Result<AnyConnection, sqlx::Error> {
        self.opener.open().await
    }

    /// Checks that the database's file, if it is one, was not removed or replaced.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] says what to do if it was.
    pub fn check_file(&self) -> Result<(), RegistryError> {
        let checked = self.opener.check_file();
        checked.map_err(|error| failed("file", &error))
    }

    /// Closes connections that were not used for a while.
    pub async fn close_idle(&self) {
        self.pool.close_idle().await;
        self.trail.close_idle().await;
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
        self.trail.close().await;
        if let Some(file) = self.opener.file() {
            file.close().await;
        }
    }
}

fn is_sqlite(url: &str) -> bool {
    url.starts_with("sqlite:")
}

fn parse(url: &str) -> Result<AnyConnectOptions, DatabaseError> {
    // Only the first connection may create the file: a lost one must not be replaced in silence.
    url.replace("mode=rwc", "mode=rw")
        .parse()
        .map_err(DatabaseError::Open)
}

/// Opens the first connection.
async fn connect(url: &str) -> Result<(AnyConnectOptions, AnyConnection), DatabaseError> {
    sqlx::any::install_default_drivers();
    let options = parse(url)?;
    if is_sqlite(url) && url.contains("mode=rwc") {
        let path = path_of(&options).map_err(DatabaseError::Open)?;
        let created = create_private(&path);
        created.map_err(|error| DatabaseError::unusable(&options, error.into()))?;
    }
    match open(&options).await {
        Ok(connection) => Ok((options, connection)),
        Err(error) if is_sqlite(url) => Err(DatabaseError::unusable(&options, error)),
        Err(error) => Err(DatabaseError::opening(&options, error)),
    }
}

/// Fails for a read-only file, which can be opened.
async fn must_be_writable(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let write = sqlx::query("DELETE FROM probe WHERE id = 0");
    write.execute(connection).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use sqlx::Executor;

    use super::*;
    use crate::adapters::database::change::Change;

    async fn open(directory: &tempfile::TempDir) -> Database {
        let file = directory.path().join("registry.db");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        Database::open(&url).await.unwrap()
    }

    /// Begins to insert a row that the database takes only once.
    async fn begin(database: &Database) -> Change {
        let insert = sqlx::query("INSERT INTO probe (id, at) VALUES (1, '')");
        let change = Change::begin(database, "probe", insert).await;
        change.unwrap().unwrap()
    }

    #[tokio::test]
    async fn dropped_transactions_do_not_use_up_the_connections() {
        let directory = tempfile::tempdir().unwrap();
        let database = open(&directory).await;
        for _ in 0..3 * MAX_CONNECTIONS {
            drop(begin(&database).await);
        }
        let one = database.execute("one", sqlx::query("UPDATE probe SET id = id WHERE id = 0"));
        assert_eq!(one.await, Ok(0));
    }

    #[tokio::test]
    async fn a_dropped_transaction_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let database = open(&directory).await;
        drop(begin(&database).await);
        begin(&database).await.commit().await.unwrap();
    }

    #[tokio::test]
    async fn the_write_ahead_log_shrinks_after_a_long_read() {
        let directory = tempfile::tempdir().unwrap();
        let database = open(&directory).await;
        let log = directory.path().join("registry.db-wal");
        let size = || std::fs::metadata(&log).unwrap().len();
        let mut reader = database.open_unhurried().await.unwrap();
        reader.execute("BEGIN").await.unwrap();
        reader.execute("SELECT * FROM probe").await.unwrap();
        let write = "INSERT INTO probe (id, at) VALUES (1, hex(randomblob(1000000))) \
                     ON CONFLICT (id) DO UPDATE SET at = excluded.at";
        for _ in 0..5 {
            let written = database.execute("probe", sqlx::query(write));
            written.await.unwrap();
        }
        let grown = size();
        assert!(grown > 8_000_000, "{grown}");
        reader.execute("COMMIT").await.unwrap();
        // The first checkpoints, the second begins the log again.
        for _ in 0..2 {
            let write = "UPDATE probe SET at = hex(randomblob(10))";
            let written = database.execute("probe", sqlx::query(write));
            written.await.unwrap();
        }
        assert!(size() <= 4_194_304, "{}", size());
    }
}
