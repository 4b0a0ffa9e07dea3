use std::net::IpAddr;
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AnyConnection, ConnectOptions, Executor};

use crate::service::{RegistryError, STATEMENT_LIMIT};

use super::connections::{Connections, close, is_lost};
use super::error::DatabaseError;
use super::file::{DatabaseFile, FileReplaced, create_private, path_of};
use super::fingerprint::Fingerprint;
use super::opener::{Opener, open};
use super::schema::{migrate, migrator, version};
use super::server::lacks_resources;

/// How long a statement may take, so that a registry that hangs is known to hang before a
/// request's time is over.
const STATEMENT_TIMEOUT: Duration = STATEMENT_LIMIT;

/// How many statements run at a time, the audit trail's beside.
const MAX_CONNECTIONS: usize = 8;

/// A database whose schema is up to date.
#[derive(Clone, Debug)]
pub struct Database {
    pub(super) pool: Connections,
    /// The audit trail's: its commits do not wait for other statements.
    pub(super) trail: Connections,
    pub(super) fingerprint: Fingerprint,
    opener: Opener,
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
        let migrated = migrate(migrator, &mut connection).await;
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

    /// Connects to a database that a gateway of this version has made. `url` is `sqlite://…` or
    /// `postgres://…`.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when there is none, or its schema is another version's.
    pub async fn open_existing(url: &str) -> Result<Self, DatabaseError> {
        let url = url.replace("mode=rwc", "mode=rw");
        let (options, mut connection) = connect(&url).await?;
        let (applied, found): (i64, i64) = sqlx::query_as(
            "SELECT count(*), coalesce(max(version), 0) FROM _sqlx_migrations WHERE success",
        )
        .fetch_one(&mut connection)
        .await
        .map_err(|_| DatabaseError::NotOurs)?;
        let is_sqlite = is_sqlite(&url);
        let migrator = migrator(is_sqlite);
        if found > version(migrator) {
            return Err(DatabaseError::newer(&options, found, version(migrator)));
        }
        if usize::try_from(applied).ok() != Some(migrator.iter().count()) {
            return Err(DatabaseError::NotOurs);
        }
        Self::over(options, connection, is_sqlite).await
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

    /// Whether the URL names a file, which is there or not, rather than away.
    #[must_use]
    pub fn is_file(url: &str) -> bool {
        is_sqlite(url)
    }

    /// Whether the URL names a file that is not there.
    #[must_use]
    pub fn is_missing(url: &str) -> bool {
        let options = url.parse::<AnyConnectOptions>();
        let path = options.and_then(|options| path_of(&options));
        is_sqlite(url) && path.is_ok_and(|path| !path.exists())
    }

    /// For a replica that makes bucket names with these values, by the configuration's keys: what is
    /// handed out over this database fails once the registry says otherwise.
    #[must_use]
    pub fn with_fingerprint(self, parts: Vec<(&'static str, String)>) -> Self {
        let fingerprint = Fingerprint::new(parts);
        Self {
            fingerprint,
            ..self
        }
    }

    /// Opens further connections with this URL: another password, say. Never another database.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Open`] when it is no URL of a database.
    pub fn reconnect(&self, url: &str) -> Result<(), DatabaseError> {
        self.opener.set_options(parse(url)?);
        Ok(())
    }

    /// A connection of its own, for what may take longer than a request.
    pub(super) async fn open_unhurried(&self) -> Result<AnyConnection, sqlx::Error> {
        self.opener.open().await
    }

    /// Whether the database's file is the one that was opened, where it is a file.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] says what to do.
    pub fn check_file(&self) -> Result<(), RegistryError> {
        let checked = self.opener.check_file();
        checked.map_err(|error| failed("file", &error))
    }

    /// Closes connections that nobody has used for a while.
    pub async fn close_idle(&self) {
        self.pool.close_idle().await;
        self.trail.close_idle().await;
    }

    /// Who else could read what is in it, and what to do about that.
    #[must_use]
    pub fn exposure(&self) -> Option<String> {
        if let Some(file) = self.opener.file() {
            let exposed = file.exposed();
            let names: Vec<_> = exposed
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            return (!names.is_empty()).then(|| {
                format!(
                    "other users of this machine can read the registry and the audit trail: \
                     chmod 600 {}",
                    names.join(" ")
                )
            });
        }
        let url = self.opener.options().to_url_lossy();
        let options = PgConnectOptions::from_url(&url).ok()?;
        travels_unprotected(&options).then(|| {
            format!(
                "the registry's rows and password may travel unprotected to {}: add \
                 sslmode=verify-full to the URL (with sslrootcert=FILE for a private authority), \
                 or at least sslmode=require",
                options.get_host()
            )
        })
    }

    /// Lets go of the connections.
    pub async fn close(&self) {
        self.pool.close().await;
        self.trail.close().await;
        if let Some(file) = self.opener.file() {
            file.close().await;
        }
    }
}

/// Whether somebody between here and the server could read along.
fn travels_unprotected(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    let is_loopback =
        host == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback());
    let is_encrypted = matches!(
        options.get_ssl_mode(),
        PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull
    );
    options.get_socket().is_none() && !host.starts_with('/') && !is_loopback && !is_encrypted
}

fn is_sqlite(url: &str) -> bool {
    url.starts_with("sqlite:")
}

fn parse(url: &str) -> Result<AnyConnectOptions, DatabaseError> {
    // A file that is missing is made here, or not at all: never in the place of one that was lost.
    url.replace("mode=rwc", "mode=rw")
        .parse()
        .map_err(DatabaseError::Open)
}

/// The first connection.
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

/// A file that can only be read opens well.
async fn must_be_writable(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let write = "DELETE FROM probe WHERE id = 0";
    connection.execute(write).await.map(|_| ())
}

/// Runs one statement, no longer than the registry may take.
pub(super) async fn bounded<T>(
    step: &'static str,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, RegistryError> {
    match tokio::time::timeout(STATEMENT_TIMEOUT, statement).await {
        Ok(done) => done.map_err(|error| failed(step, &error)),
        Err(_) => Err(RegistryError::late(step)),
    }
}

/// What goes into the log of a database's error: its kind and code. The driver's text may quote
/// values.
pub(super) fn failed(step: &str, error: &sqlx::Error) -> RegistryError {
    let cause = match error {
        sqlx::Error::Database(database) => {
            let code = database.code();
            format!(
                "the database refuses (code {})",
                code.as_deref().unwrap_or("none")
            )
        }
        sqlx::Error::PoolTimedOut => "no connection in time".to_owned(),
        sqlx::Error::PoolClosed => "the gateway is shutting down".to_owned(),
        sqlx::Error::Io(error) => format!("connection lost ({})", error.kind()),
        sqlx::Error::Configuration(error) if error.is::<FileReplaced>() => error.to_string(),
        _ => "an unexpected answer".to_owned(),
    };
    let cause = format!("{step}: {cause}");
    if may_pass(error) {
        RegistryError::passing(cause)
    } else {
        RegistryError::new(cause)
    }
}

/// Whether another connection may fare better.
fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(database) if lacks_resources(database.as_ref()) => true,
        error => is_lost(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(directory: &tempfile::TempDir) -> Database {
        let file = directory.path().join("registry.db");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        Database::open(&url).await.unwrap()
    }

    #[tokio::test]
    async fn statements_that_are_given_up_do_not_use_up_the_connections() {
        let directory = tempfile::tempdir().unwrap();
        let database = open(&directory).await;
        for _ in 0..3 * MAX_CONNECTIONS {
            drop(database.pool.begin().await.unwrap());
        }
        let one: i64 = sqlx::query_scalar("SELECT 1")
            .fetch_one(&database.pool)
            .await
            .unwrap();
        assert_eq!(one, 1);
    }

    #[tokio::test]
    async fn a_transaction_that_is_given_up_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let database = open(&directory).await;
        let insert = "INSERT INTO probe (id, at) VALUES (1, '')";
        let mut given_up = database.pool.begin().await.unwrap();
        given_up.execute(insert).await.unwrap();
        drop(given_up);
        let mut committed = database.pool.begin().await.unwrap();
        committed.execute(insert).await.unwrap();
        committed.commit().await.unwrap();
    }

    #[tokio::test]
    async fn the_write_ahead_log_shrinks_again_when_a_reader_has_held_it_up() {
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
            database.pool.execute(write).await.unwrap();
        }
        let grown = size();
        assert!(grown > 8_000_000, "{grown}");
        reader.execute("COMMIT").await.unwrap();
        // The first checkpoints, the second begins the log again.
        for _ in 0..2 {
            let write = "UPDATE probe SET at = hex(randomblob(10))";
            database.pool.execute(write).await.unwrap();
        }
        assert!(size() <= 4_194_304, "{}", size());
    }

    #[test]
    fn a_database_on_another_machine_is_to_be_reached_by_tls() {
        let unprotected = |url: &str| travels_unprotected(&url.parse().unwrap());
        for url in [
            "postgres://u:p@db.example.com/d",
            "postgres://u:p@10.0.0.1/d?sslmode=prefer",
            "postgres://u:p@db.example.com/d?sslmode=disable",
            "postgres://u:p@127.0.0.1/d?host=db.example.com",
        ] {
            assert!(unprotected(url), "{url}");
        }
        for url in [
            "postgres://u:p@db.example.com/d?sslmode=require",
            "postgres://u:p@db.example.com/d?sslmode=verify-ca",
            "postgres://u:p@db.example.com/d?sslmode=verify-full",
            "postgres://u:p@127.0.0.1/d",
            "postgres://u:p@localhost:5433/d",
            "postgres://u:p@[::1]/d",
            "postgres:///d?host=/run/postgresql",
        ] {
            assert!(!unprotected(url), "{url}");
        }
    }
}
