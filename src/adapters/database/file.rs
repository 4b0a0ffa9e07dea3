//! The file of an `SQLite` database.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sqlx::any::AnyConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyConnection, Error};
use tokio::sync::Mutex;

use crate::adapters::process_user;

use super::connect::close;

/// What `SQLite` keeps beside the file: without the write-ahead log, the file is an old copy.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// The file and its companions, as they were when the database was opened.
///
/// `SQLite` goes on writing into a removed file and its write-ahead log, and what it writes is lost.
pub(super) struct DatabaseFile {
    parts: Vec<(PathBuf, Identity)>,
    /// A connection that is open as long as the gateway runs. While it is, other files cannot get
    /// the inodes, and `SQLite` does not remove the write-ahead log.
    anchor: Mutex<Option<AnyConnection>>,
}

/// The database's file is no longer the one that was opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} was removed or replaced since the gateway was started. Do not stop the gateway yet: if the file \
     was removed, this process has its last copy (docs/backup.md says how to save it)", .0.display()
)]
pub(super) struct FileReplaced(PathBuf);

/// The file cannot be used as a database.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file does not exist and the URL does not create it.
    #[error(
        "there is no file {}: `cloakroom serve` creates it if database.url has mode=rwc",
        .0.display()
    )]
    Missing(PathBuf),
    /// It cannot be created, opened or written.
    #[error(
        "cannot write {} as {}: {cause}: make the file and its directory writable by this user (in \
         a container, mount a volume there) or set another database.url",
        .path.display(),
        process_user()
    )]
    Forbidden {
        /// Where it is.
        path: PathBuf,
        /// What the operating system or `SQLite` says.
        cause: String,
    },
    /// For instance, it is not a database.
    #[error("cannot use {}: {cause}", .path.display())]
    Other {
        /// Where it is.
        path: PathBuf,
        /// What `SQLite` says.
        cause: String,
    },
}

impl FileError {
    /// Why the file could not be opened or written.
    pub(super) fn new(path: &Path, error: &Error) -> Self {
        /// `SQLite`'s primary result codes `SQLITE_READONLY` and `SQLITE_CANTOPEN`.
        const FORBIDDEN: [u32; 2] = [8, 14];
        let path = path.to_owned();
        match error {
            Error::Io(error) => Self::Forbidden {
                path,
                cause: error.to_string(),
            },
            Error::Database(error) => {
                let code = error.code().and_then(|code| code.parse::<u32>().ok());
                let cause = error.message().to_owned();
                // Extended codes have more in their higher bits.
                if !code.is_some_and(|code| FORBIDDEN.contains(&(code & 0xff))) {
                    Self::Other { path, cause }
                } else if path.exists() {
                    Self::Forbidden { path, cause }
                } else {
                    Self::Missing(path)
                }
            }
            error => Self::Other {
                path,
                cause: error.to_string(),
            },
        }
    }
}

/// Tells a file from another at the same path.
type Identity = (u64, u64);

impl DatabaseFile {
    /// The file that this connection has open, which must have read from it.
    pub(super) fn new(path: &Path, anchor: AnyConnection) -> Result<Self, Error> {
        Ok(Self {
            parts: parts(path)?,
            anchor: Mutex::new(Some(anchor)),
        })
    }

    /// Fails when a part was removed or replaced.
    ///
    /// # Errors
    ///
    /// [`FileReplaced`] inside [`Error::Configuration`].
    pub(super) fn check(&self) -> Result<(), Error> {
        for (path, identity) in &self.parts {
            if identify(path).ok().as_ref() != Some(identity) {
                return Err(Error::Configuration(Box::new(FileReplaced(path.clone()))));
            }
        }
        Ok(())
    }

    /// Those that other users of the machine can read or write.
    pub(super) fn exposed(&self) -> Vec<&Path> {
        let parts = self.parts.iter().map(|(path, _)| path.as_path());
        parts.filter(|path| is_exposed(path)).collect()
    }

    pub(super) async fn close(&self) {
        if let Some(anchor) = self.anchor.lock().await.take() {
            close(anchor).await;
        }
    }
}

/// Where the file of this database is, as `SQLite` takes the URL.
pub(super) fn path_of(options: &AnyConnectOptions) -> Result<PathBuf, Error> {
    let options = SqliteConnectOptions::try_from(options)?;
    Ok(std::path::absolute(options.get_filename())?)
}

/// Creates the file if there is none, for this user only. `SQLite` gives its companions the same
/// mode.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn parts(path: &Path) -> io::Result<Vec<(PathBuf, Identity)>> {
    let mut parts = vec![(path.to_owned(), identify(path)?)];
    // SQLite follows symbolic links before it adds to the name.
    let real = fs::canonicalize(path)?;
    for companion in COMPANIONS {
        let mut name = real.clone().into_os_string();
        name.push(companion);
        let part = PathBuf::from(name);
        match identify(&part) {
            Ok(identity) => parts.push((part, identity)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(parts)
}

#[cfg(unix)]
fn identify(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Elsewhere files that are open cannot be removed.
#[cfg(not(unix))]
fn identify(path: &Path) -> io::Result<Identity> {
    fs::metadata(path).map(|_| (0, 0))
}

#[cfg(unix)]
fn is_exposed(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    const OTHERS: u32 = 0o077;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & OTHERS != 0)
}

#[cfg(not(unix))]
fn is_exposed(_: &Path) -> bool {
    false
}
