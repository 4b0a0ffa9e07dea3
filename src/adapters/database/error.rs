//! Why a database cannot be opened.

use sqlx::any::AnyConnectOptions;
use sqlx::migrate::MigrateError;

use super::file::{FileError, path_of};
use super::server::{self, PostgresServer};

/// The database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The server cannot be reached or takes no connections yet. It may come back.
    #[error("cannot reach {server}: {cause}")]
    Unreachable {
        /// Which server.
        server: PostgresServer,
        /// The message of the server or the operating system.
        cause: String,
    },
    /// The server rejects the connection.
    #[error("cannot open {server}: {cause}")]
    Rejected {
        /// Which server.
        server: PostgresServer,
        /// The server's message.
        cause: String,
    },
    /// The URL or the connection is not usable.
    #[error("cannot open the database: {0}")]
    Open(#[source] sqlx::Error),
    /// The file of an `SQLite` database cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// No gateway has used it.
    #[error(
        "the database is not a gateway's: is it the right one (a relative path?), and has a gateway \
         or `cloakroom migrate` been started on it?"
    )]
    NotOurs,
    /// The database has the schema of an earlier version.
    #[error(
        "{database} has schema {found}, and this version needs {known}: run `cloakroom migrate` \
         (docs/upgrading.md says what to do before)"
    )]
    Older {
        /// The database, without a password.
        database: String,
        /// The version of its schema.
        found: i64,
        /// The version of this gateway's schema.
        known: i64,
    },
    /// A newer version has changed the schema.
    #[error(
        "{database} was made by a newer cloakroom (schema version {found}; this one knows up to \
         {known}): run that version, or restore a backup from before the upgrade (docs/backup.md)"
    )]
    Newer {
        /// The database, without a password.
        database: String,
        /// The version of its schema.
        found: i64,
        /// The version of this gateway's schema.
        known: i64,
    },
    /// The schema cannot be brought up to date.
    #[error("cannot bring the database's schema up to date: {0}")]
    Migrate(#[from] MigrateError),
}

impl DatabaseError {
    /// An error of the first connection.
    pub(super) fn opening(options: &AnyConnectOptions, error: sqlx::Error) -> Self {
        let Some(server) = PostgresServer::of(options) else {
            return Self::Open(error);
        };
        let cause = server::bare(&error);
        if server.may_come_back(&error) {
            Self::Unreachable { server, cause }
        } else {
            Self::Rejected { server, cause }
        }
    }

    /// An error of bringing the schema up to date.
    pub(super) fn migrating(options: &AnyConnectOptions, error: MigrateError) -> Self {
        if let MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) = &error
            && let Some(server) = PostgresServer::of(options)
            && server.may_come_back(cause)
        {
            let cause = server::bare(cause);
            return Self::Unreachable { server, cause };
        }
        error.into()
    }

    /// Whether another attempt may succeed without any change here.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// A newer version has changed the schema.
    pub(super) fn newer(options: &AnyConnectOptions, found: i64, known: i64) -> Self {
        Self::Newer {
            database: name_of(options),
            found,
            known,
        }
    }

    /// The database has the schema of an earlier version.
    pub(super) fn older(options: &AnyConnectOptions, found: i64, known: i64) -> Self {
        Self::Older {
            database: name_of(options),
            found,
            known,
        }
    }

    /// The file of an `SQLite` database cannot be used.
    pub(super) fn unusable(options: &AnyConnectOptions, error: sqlx::Error) -> Self {
        match path_of(options) {
            Ok(path) => FileError::new(&path, &error).into(),
            Err(_) => Self::Open(error),
        }
    }
}

/// The server or the file, without a password.
fn name_of(options: &AnyConnectOptions) -> String {
    let server = PostgresServer::of(options).map(|server| server.to_string());
    let file = || path_of(options).map(|path| path.display().to_string());
    server.or_else(|| file().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;
    use crate::adapters::database::Database;

    #[tokio::test]
    async fn a_newer_database_is_named_with_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry.db");
        let url = format!("sqlite://{}?mode=rwc", path.display());
        let database = Database::open(&url).await.unwrap();
        for later in [9998, 9999] {
            let insert = "INSERT INTO _sqlx_migrations SELECT $1, 'later', installed_on, success, \
                          checksum, execution_time FROM _sqlx_migrations LIMIT 1";
            let insert = sqlx::query(insert).bind(later);
            database.execute("later", insert).await.unwrap();
        }
        database.close().await;
        for opened in [
            Database::open(&url).await,
            Database::open_existing(&url).await,
        ] {
            let message = opened.unwrap_err().to_string();
            let begins = format!("{} was made by a newer cloakroom", path.display());
            assert!(message.starts_with(&begins), "{message}");
            assert!(
                message.contains("9999") && message.contains("restore a backup"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_newer_server_is_named_without_its_password() {
        sqlx::any::install_default_drivers();
        let url = "postgres://u:canary@db.example:5433/d?sslmode=require";
        let message = DatabaseError::newer(&url.parse().unwrap(), 2, 1).to_string();
        let begins = "PostgreSQL at db.example:5433, database d was made by a newer cloakroom ";
        assert!(message.starts_with(begins), "{message}");
        assert!(!message.contains("canary"), "{message}");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_created_is_named_with_the_user_and_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("missing").join("registry.db");
        let url = format!("sqlite://{}?mode=rwc", path.display());
        let message = Database::open(&url).await.unwrap_err().to_string();
        let begins = format!("cannot write {} as user id ", path.display());
        assert!(message.starts_with(&begins), "{message}");
        assert!(message.contains("No such file or directory"), "{message}");
        assert!(
            message.contains("mount a volume") && message.contains("database.url"),
            "{message}"
        );
    }

    #[tokio::test]
    async fn a_missing_file_is_named_unless_it_may_be_created() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry.db");
        for opened in [
            Database::open(&format!("sqlite://{}", path.display())).await,
            Database::open_existing(&format!("sqlite://{}?mode=rwc", path.display())).await,
        ] {
            let message = opened.unwrap_err().to_string();
            let begins = format!("there is no file {}: ", path.display());
            assert!(message.starts_with(&begins), "{message}");
        }
        assert!(!path.exists());
    }

    /// The driver panics: the length counts its own four bytes, so it cannot be three.
    #[tokio::test]
    async fn a_message_that_is_too_short_is_an_error() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async {
            let (mut client, _) = listener.accept().await.unwrap();
            client.read_u8().await.unwrap();
            client.write_all(b"R\0\0\0\x03").await.unwrap();
            client
        };
        let url = format!("postgres://u:p@{address}/d?sslmode=disable");
        let (opened, _client) = tokio::join!(Database::open(&url), server);
        let message = opened.unwrap_err().to_string();
        let begins = format!("cannot open PostgreSQL at {address}, database d: ");
        assert!(message.starts_with(&begins), "{message}");
    }

    /// It lets the client in, says so when a statement comes, and answers none.
    async fn silent_after_login(listener: tokio::net::TcpListener, asked: oneshot::Sender<()>) {
        let (mut client, _) = listener.accept().await.unwrap();
        let length = client.read_u32().await.unwrap() - 4;
        let mut startup = vec![0; length.try_into().unwrap()];
        client.read_exact(&mut startup).await.unwrap();
        let welcome = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
        client.write_all(welcome).await.unwrap();
        client.read_u8().await.unwrap();
        asked.send(()).unwrap();
        std::future::pending::<()>().await;
    }

    #[tokio::test]
    async fn commands_do_not_wait_for_a_database_that_falls_silent_after_the_login() {
        async fn assert_unreachable<T: std::fmt::Debug>(
            open: impl AsyncFnOnce(&str) -> Result<T, DatabaseError>,
        ) {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (sender, asked) = oneshot::channel();
            let server = tokio::spawn(silent_after_login(listener, sender));
            let url = format!("postgres://u:p@{address}/d?sslmode=disable");
            let error = open(&url).await.unwrap_err();
            assert!(error.is_transient(), "{error}");
            assert!(error.to_string().contains("timed out"), "{error}");
            asked.await.unwrap();
            server.abort();
        }
        tokio::join!(
            assert_unreachable(async |url| Database::open_existing(url).await),
            assert_unreachable(async |url| Database::found_schema(url).await),
            assert_unreachable(async |url| Database::open(url).await),
        );
    }

    #[tokio::test]
    async fn a_database_that_does_not_answer_times_out() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgres://u:p@{}/d", silent.local_addr().unwrap());
        let error = Database::open(&url).await.unwrap_err();
        assert!(error.to_string().contains("timed out"), "{error}");
    }
}
