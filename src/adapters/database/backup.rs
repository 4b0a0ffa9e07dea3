//! A copy of the database that can be put in its place.

use std::io;
use std::path::{Path, PathBuf};

use sqlx::any::AnyConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyConnection, ConnectOptions, Connection};
use tempfile::NamedTempFile;

use super::connect::close;

/// The start of the file's name until it is complete.
const UNFINISHED: &str = ".cloakroom-backup-";

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupContents {
    /// Bytes of the file.
    pub bytes: u64,
    /// Buckets that have an owner.
    pub buckets: i64,
    /// Rows of the audit trail.
    pub audit_rows: i64,
}

/// The backup failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// `PostgreSQL` has its own tool.
    #[error(
        "database.url: PostgreSQL has its own tool; run: pg_dump --format=custom --file={} \"$URL\" \
         with the URL of the database (docs/backup.md)", .0.display()
    )]
    UsePgDump(PathBuf),
    /// The file exists; it may be an earlier backup.
    #[error("{} exists: name a file that does not", .0.display())]
    Exists(PathBuf),
    /// The file cannot be written.
    #[error("cannot write {}: {error}", .path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// The database cannot be read.
    #[error("database.url: cannot back the database up: {0}")]
    Read(#[from] sqlx::Error),
    /// The database has no tables of a gateway.
    #[error("database.url: this is not a gateway's database (a relative path?)")]
    NotOurs,
    /// The copy is damaged.
    #[error("the backup is damaged, and was removed: {0}")]
    Damaged(String),
}

/// Writes a consistent copy of the database to a file that only this user may read, while the
/// gateway may be running. The file appears when it is complete, or not at all.
///
/// # Errors
///
/// [`BackupError`] says what to do.
pub async fn back_up(url: &str, target: &Path) -> Result<BackupContents, BackupError> {
    if !url.starts_with("sqlite:") {
        return Err(BackupError::UsePgDump(target.to_owned()));
    }
    let write = |error| BackupError::Write {
        path: target.to_owned(),
        error,
    };
    if target.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    sqlx::any::install_default_drivers();
    let options: AnyConnectOptions = url.replace("mode=rwc", "mode=rw").parse()?;
    let mut source = options.connect().await?;
    let copy = beside(target).map_err(write)?;
    copy_into(&mut source, copy.path()).await?;
    close(source).await;
    let contents = examine(copy.path()).await?;
    copy.as_file().sync_all().map_err(write)?;
    copy.persist_noclobber(target)
        .map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists(target.to_owned()),
            _ => write(error.error),
        })?;
    sync_directory(target).map_err(write)?;
    Ok(contents)
}

/// A new file with mode 0600 in the same directory. It is removed unless it is kept.
fn beside(target: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(directory_of(target))
}

fn directory_of(target: &Path) -> &Path {
    let parent = target.parent();
    let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Copies in one read transaction: writers do not wait, and the copy has all of a change or nothing.
async fn copy_into(source: &mut AnyConnection, copy: &Path) -> Result<(), BackupError> {
    let ours = "SELECT 1 FROM sqlite_master WHERE name = 'owned_buckets'";
    let ours = sqlx::query(ours).fetch_optional(&mut *source).await?;
    if ours.is_none() {
        return Err(BackupError::NotOurs);
    }
    sqlx::query("VACUUM INTO $1")
        .bind(copy.to_string_lossy().into_owned())
        .execute(source)
        .await?;
    Ok(())
}

/// Reads the copy as a gateway that is restored from it will.
async fn examine(copy: &Path) -> Result<BackupContents, BackupError> {
    let options = SqliteConnectOptions::new().filename(copy).read_only(true);
    let mut connection = options.connect().await?;
    let verdict: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut connection)
        .await?;
    if verdict != "ok" {
        return Err(BackupError::Damaged(verdict));
    }
    let (buckets, audit_rows) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM owned_buckets), (SELECT count(*) FROM audit_trail)",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    let bytes = copy.metadata().map_or(0, |metadata| metadata.len());
    Ok(BackupContents {
        bytes,
        buckets,
        audit_rows,
    })
}

/// Makes the file's name last, like its content.
fn sync_directory(target: &Path) -> io::Result<()> {
    #[cfg(unix)]
    std::fs::File::open(directory_of(target))?.sync_all()?;
    Ok(())
}
