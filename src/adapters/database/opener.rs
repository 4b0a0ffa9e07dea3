//! How connections to a database are opened.

use std::collections::BTreeSet;
use std::fmt;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::error::DatabaseError;
use sqlx::{AnyConnection, ConnectOptions, Error, Executor};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::file::DatabaseFile;

/// How long opening a connection may take, a database that is just starting included.
pub(super) const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// How long to wait before a database that does not listen yet is asked again.
const RETRY: Duration = Duration::from_millis(100);

/// `PostgreSQL`: it is starting up.
const CANNOT_CONNECT_NOW: &str = "57P03";

/// Readers do not wait for the writer; a commit is on disk when it returns; a second process
/// waits for its turn; the write-ahead log shrinks again when a reader has held it up.
const SQLITE_PRAGMAS: [&str; 4] = [
    "PRAGMA busy_timeout = 3000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA journal_size_limit = 4194304",
];

/// What a gateway that is gone without a word leaves at the server ends soon: its statement, its
/// transaction with the locks, its connection. The keepalive also keeps firewalls from forgetting
/// the connection. Statements of ours take milliseconds.
///
/// Each is a statement of its own: several in one are one transaction, so the first that a server
/// refuses takes the others with it.
const POSTGRES_SETTINGS: [&str; 6] = [
    "SET statement_timeout = '4s'",
    "SET idle_in_transaction_session_timeout = '10s'",
    "SET tcp_keepalives_idle = 30",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
    "SET tcp_user_timeout = '30s'",
];

/// Opens connections to one database.
#[derive(Clone)]
pub(super) struct Opener(Arc<Inner>);

struct Inner {
    options: RwLock<AnyConnectOptions>,
    /// The file, where the database is one.
    file: Option<DatabaseFile>,
    /// Counts how often connections were found dead.
    generation: AtomicU64,
    /// Settings that the server has refused, so that each is logged once.
    refused: Mutex<BTreeSet<&'static str>>,
    /// Where connections live: it must outlive all others.
    runtime: Handle,
}

impl Opener {
    /// Opens connections with these options, to this file. They live on the runtime that calls.
    pub(super) fn new(options: AnyConnectOptions, file: Option<DatabaseFile>) -> Self {
        Self(Arc::new(Inner {
            options: RwLock::new(options),
            file,
            generation: AtomicU64::default(),
            refused: Mutex::default(),
            runtime: Handle::current(),
        }))
    }

    pub(super) fn is_sqlite(&self) -> bool {
        self.0.file.is_some()
    }

    pub(super) fn file(&self) -> Option<&DatabaseFile> {
        self.0.file.as_ref()
    }

    /// Whether the file is still the one that was opened first.
    pub(super) fn check_file(&self) -> Result<(), Error> {
        self.0.file.as_ref().map_or(Ok(()), DatabaseFile::check)
    }

    pub(super) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    pub(super) fn next_generation(&self) {
        self.0.generation.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn options(&self) -> AnyConnectOptions {
        let options = self.0.options.read();
        options.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Other options, for connections that are opened from now on.
    pub(super) fn set_options(&self, options: AnyConnectOptions) {
        let mut current = self.0.options.write();
        **current
            .as_mut()
            .unwrap_or_else(|poisoned| poisoned.get_mut()) = options;
    }

    /// A connection for statements of requests, which must not take long.
    pub(super) async fn open_for_statements(&self) -> Result<AnyConnection, Error> {
        let opener = self.clone();
        let opening = self.0.runtime.spawn(async move {
            let mut connection = opener.open().await?;
            if !opener.is_sqlite() {
                opener.limit(&mut connection).await?;
            }
            Ok(connection)
        });
        opening.await.map_err(|_| Error::WorkerCrashed)?
    }

    /// Servers that only speak like `PostgreSQL` may lack a setting: the others hold.
    async fn limit(&self, connection: &mut AnyConnection) -> Result<(), Error> {
        for setting in POSTGRES_SETTINGS {
            match connection.execute(setting).await {
                Ok(_) => {}
                Err(Error::Database(error)) => self.warn_once(setting, error.as_ref()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn warn_once(&self, setting: &'static str, error: &dyn DatabaseError) {
        let refused = self.0.refused.lock();
        let is_new = refused
            .unwrap_or_else(PoisonError::into_inner)
            .insert(setting);
        if is_new {
            tracing::warn!(
                setting,
                %error,
                "the database refuses a setting; set an equivalent limit at the server"
            );
        }
    }

    /// A connection without limits, for what may take its time.
    pub(super) async fn open(&self) -> Result<AnyConnection, Error> {
        open(&self.options()).await
    }
}

impl fmt::Debug for Opener {
    /// The options hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opener").finish_non_exhaustive()
    }
}

/// Opens a connection; waits a little for a database that is just starting.
pub(super) async fn open(options: &AnyConnectOptions) -> Result<AnyConnection, Error> {
    let deadline = Instant::now() + OPEN_TIMEOUT;
    loop {
        let opened = tokio::time::timeout_at(deadline, open_once(options)).await;
        match opened.unwrap_or(Err(Error::Io(ErrorKind::TimedOut.into()))) {
            Err(error) if is_starting(&error) && Instant::now() + RETRY < deadline => {
                tokio::time::sleep(RETRY).await;
            }
            opened => return opened,
        }
    }
}

/// Lets a server notice that the gateway is gone, where its statements may take their time.
pub(super) async fn keep_alive(connection: &mut AnyConnection) -> Result<(), Error> {
    let settings = POSTGRES_SETTINGS.into_iter();
    for setting in settings.filter(|setting| setting.starts_with("SET tcp_")) {
        match connection.execute(setting).await {
            Ok(_) | Err(Error::Database(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn open_once(options: &AnyConnectOptions) -> Result<AnyConnection, Error> {
    let mut connection = options.connect().await?;
    if connection.backend_name() == "SQLite" {
        for pragma in SQLITE_PRAGMAS {
            connection.execute(pragma).await?;
        }
    }
    Ok(connection)
}

fn is_starting(error: &Error) -> bool {
    match error {
        Error::Io(error) => error.kind() == ErrorKind::ConnectionRefused,
        Error::Database(error) => error.code().is_some_and(|code| code == CANNOT_CONNECT_NOW),
        _ => false,
    }
}
