//! How one connection is opened, kept alive and closed.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions, Connection, Error, Executor};
use tokio::time::Instant;

use super::guard::guarded;

/// How long opening a connection may take, a database that is just starting included.
pub(super) const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// How long to wait before a database that does not listen yet is asked again.
const RETRY: Duration = Duration::from_millis(100);

/// How long closing a connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// `PostgreSQL`: it is starting up.
const CANNOT_CONNECT_NOW: &str = "57P03";

/// Readers do not wait for the writer; a commit is on disk when it returns; a second process
/// waits for its turn; the write-ahead log shrinks again when a reader has held it up; what is deleted
/// is overwritten, because it may name a person who was erased.
const SQLITE_PRAGMAS: [&str; 5] = [
    "PRAGMA busy_timeout = 3000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA journal_size_limit = 4194304",
    "PRAGMA secure_delete = ON",
];

/// These end soon what a gateway leaves at the server when it dies: its statement, its transaction
/// with the locks, its connection. The keepalive also stops firewalls from forgetting the
/// connection. Our statements take milliseconds.
///
/// Each setting is its own statement: several in one are one transaction, so the first that a server
/// refuses would undo the others.
pub(super) const POSTGRES_SETTINGS: [&str; 6] = [
    "SET statement_timeout = '4s'",
    "SET idle_in_transaction_session_timeout = '10s'",
    "SET tcp_keepalives_idle = 30",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
    "SET tcp_user_timeout = '30s'",
];

/// Opens a connection; waits a little for a database that is just starting.
pub(super) async fn open(options: &AnyConnectOptions) -> Result<AnyConnection, Error> {
    let deadline = Instant::now() + OPEN_TIMEOUT;
    loop {
        let opened = tokio::time::timeout_at(deadline, guarded(open_once(options))).await;
        match opened.unwrap_or(Err(Error::Io(ErrorKind::TimedOut.into()))) {
            Err(error) if is_starting(&error) && Instant::now() + RETRY < deadline => {
                tokio::time::sleep(RETRY).await;
            }
            opened => return opened,
        }
    }
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

/// Runs the first statements of a connection, which are short. The server has no limit for them yet, and may
/// die in silence.
pub(super) async fn in_time<T>(first: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let done = tokio::time::timeout(OPEN_TIMEOUT, guarded(first)).await;
    done.unwrap_or_else(|_| Err(Error::Io(ErrorKind::TimedOut.into())))
}

/// Lets a server notice that the gateway is gone, without limiting its statements.
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

/// Closes a connection as the protocol wants it, if that does not take long.
pub(super) async fn close(connection: AnyConnection) {
    // It is dropped, and so closed, in any case.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, guarded(connection.close())).await;
}

/// Whether the connection failed, rather than the statement (`PostgreSQL` appendix A: classes 08
/// and 57P).
pub(super) fn is_lost(error: &Error) -> bool {
    match error {
        Error::Io(_) => true,
        Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("08") || code.starts_with("57P")),
        _ => false,
    }
}
