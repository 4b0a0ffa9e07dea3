use std::time::Duration;

use sqlx::AnyPool;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateError, Migrator};

use crate::service::RegistryError;

/// How long a statement waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a statement may take, so that a registry that hangs is known to hang before a
/// request's time is over.
const STATEMENT_TIMEOUT: Duration = Duration::from_millis(3_500);

const MAX_CONNECTIONS: u32 = 8;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// A pool of connections to a database whose schema is up to date.
#[derive(Clone, Debug)]
pub struct Database {
    pub(super) pool: AnyPool,
}

/// The database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No connection.
    #[error("cannot open the database: {0}")]
    Open(#[source] sqlx::Error),
    /// No gateway of this version has been at work in it.
    #[error(
        "the database is not one of this version's: is it the gateway's own (a relative path?), \
         and has a gateway of this version been started on it?"
    )]
    NotOurs,
    /// The schema cannot be brought up to date.
    #[error("cannot bring the database's schema up to date: {0}")]
    Migrate(#[from] MigrateError),
}

impl Database {
    /// Connects and brings the schema up to date. `url` is `sqlite://…` or `postgres://…`.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when either fails.
    pub async fn open(url: &str) -> Result<Self, DatabaseError> {
        let (pool, migrator) = connect(url).await?;
        migrate(migrator, &pool).await?;
        Ok(Self { pool })
    }

    /// Connects to a database that a gateway of this version has made. `url` is `sqlite://…` or
    /// `postgres://…`.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when there is none, or its schema is another version's.
    pub async fn open_existing(url: &str) -> Result<Self, DatabaseError> {
        let url = url.replace("mode=rwc", "mode=rw");
        let (pool, migrator) = connect(&url).await?;
        let applied: i64 =
            sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations WHERE success")
                .fetch_one(&pool)
                .await
                .map_err(|_| DatabaseError::NotOurs)?;
        if usize::try_from(applied).ok() == Some(migrator.iter().count()) {
            Ok(Self { pool })
        } else {
            Err(DatabaseError::NotOurs)
        }
    }

    /// Opens further connections with this URL: another password, say. Never another database.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Open`] when it is no URL of a database.
    pub fn reconnect(&self, url: &str) -> Result<(), DatabaseError> {
        let options = url
            .parse::<AnyConnectOptions>()
            .map_err(DatabaseError::Open)?;
        self.pool.set_connect_options(options);
        Ok(())
    }

    /// Lets go of the connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

async fn connect(url: &str) -> Result<(AnyPool, &'static Migrator), DatabaseError> {
    sqlx::any::install_default_drivers();
    let is_sqlite = url.starts_with("sqlite:");
    let pool = AnyPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A file does not hang up; asking it first would cost each statement a second trip.
        .test_before_acquire(!is_sqlite)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if is_sqlite {
                    for pragma in SQLITE_PRAGMAS {
                        sqlx::query(pragma).execute(&mut *connection).await?;
                    }
                }
                Ok(())
            })
        })
        .connect(url)
        .await
        .map_err(DatabaseError::Open)?;
    Ok((pool, if is_sqlite { &SQLITE } else { &POSTGRES }))
}

/// Readers do not wait for the writer; a commit is on disk when it returns; a second process
/// waits for its turn.
const SQLITE_PRAGMAS: [&str; 3] = [
    "PRAGMA busy_timeout = 3000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
];

/// `SQLite` has no lock for two processes that start on a new file at once: the slower one fails,
/// and finds the work done when it looks again.
async fn migrate(migrator: &Migrator, pool: &AnyPool) -> Result<(), MigrateError> {
    const ATTEMPTS: u32 = 5;
    for attempt in 1..ATTEMPTS {
        if migrator.run(pool).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50) * attempt).await;
    }
    migrator.run(pool).await
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
        _ => "an unexpected answer".to_owned(),
    };
    RegistryError(format!("{step}: {cause}"))
}
