//! Where a `PostgreSQL` is, and whether it may come back.

use std::fmt;
use std::io::ErrorKind;

use sqlx::ConnectOptions;
use sqlx::any::AnyConnectOptions;
use sqlx::error::{DatabaseError, Error};
use sqlx::postgres::PgConnectOptions;

/// A server and database, for messages: without user and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresServer {
    place: String,
    database: String,
    has_socket: bool,
}

impl PostgresServer {
    /// None if the options name a file.
    pub(super) fn of(options: &AnyConnectOptions) -> Option<Self> {
        let url = options.to_url_lossy();
        if url.scheme() == "sqlite" {
            return None;
        }
        let options = PgConnectOptions::from_url(&url).ok()?;
        let (host, port) = (options.get_host(), options.get_port());
        let socket = options.get_socket().map(|path| path.display().to_string());
        let socket = socket.or_else(|| host.starts_with('/').then(|| host.to_owned()));
        let database = options.get_database().unwrap_or(options.get_username());
        Some(Self {
            has_socket: socket.is_some(),
            place: socket.unwrap_or_else(|| format!("{host}:{port}")),
            database: database.to_owned(),
        })
    }

    /// Whether the same attempt may succeed later, because the server cannot be reached or takes no
    /// connections yet.
    pub(super) fn may_come_back(&self, error: &Error) -> bool {
        /// `PostgreSQL` appendix A: it is shutting down, or starting up.
        const COMES_BACK: [&str; 3] = ["57P01", "57P02", "57P03"];
        /// The same: a proxy such as `PgBouncer` does not reach it.
        const CONNECTION_EXCEPTION: &str = "08";
        match error {
            Error::Io(error) => match error.kind() {
                // A socket's file appears with its server; a certificate's does not.
                ErrorKind::NotFound => self.has_socket,
                ErrorKind::PermissionDenied | ErrorKind::InvalidInput | ErrorKind::InvalidData => {
                    false
                }
                // Unknown host names, too.
                _ => true,
            },
            Error::Database(error) => {
                let is_away = |code: &str| {
                    COMES_BACK.contains(&code) || code.starts_with(CONNECTION_EXCEPTION)
                };
                lacks_resources(error.as_ref()) || error.code().is_some_and(|code| is_away(&code))
            }
            _ => false,
        }
    }
}

/// `PostgreSQL` appendix A: it has too many connections, or no memory.
pub(super) fn lacks_resources(error: &dyn DatabaseError) -> bool {
    const INSUFFICIENT_RESOURCES: &str = "53";
    let code = error.code();
    code.is_some_and(|code| code.starts_with(INSUFFICIENT_RESOURCES))
}

impl fmt::Display for PostgresServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PostgreSQL at {}, database {}",
            self.place, self.database
        )
    }
}

/// The error without sqlx's prefix.
pub(super) fn bare(error: &Error) -> String {
    match error {
        Error::Io(error) => error.to_string(),
        Error::Database(error) => error.message().to_owned(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> PostgresServer {
        sqlx::any::install_default_drivers();
        PostgresServer::of(&url.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_server_is_named_without_user_and_password() {
        for (url, named) in [
            (
                "postgres://u:pw@db:5433/c?sslmode=require",
                "PostgreSQL at db:5433, database c",
            ),
            ("postgres://u:pw@db", "PostgreSQL at db:5432, database u"),
            (
                "postgres:///c?host=/run/pg",
                "PostgreSQL at /run/pg, database c",
            ),
        ] {
            assert_eq!(server(url).to_string(), named);
        }
        let file: AnyConnectOptions = "sqlite://x.db".parse().unwrap();
        assert_eq!(PostgresServer::of(&file), None);
    }

    #[test]
    fn a_missing_socket_may_appear_and_a_missing_certificate_will_not() {
        let missing = || Error::Io(ErrorKind::NotFound.into());
        assert!(server("postgres:///c?host=/run/pg").may_come_back(&missing()));
        assert!(!server("postgres://db/c").may_come_back(&missing()));
        assert!(server("postgres://db/c").may_come_back(&Error::Io(ErrorKind::Other.into())));
        assert!(!server("postgres://db/c").may_come_back(&Error::Tls("no TLS".into())));
    }
}
