use std::fmt::Display;
use std::fs::{File, TryLockError, canonicalize, create_dir_all};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use url::Url;

use crate::cli::error::CommandError;

/// `--data-dir`: objects, database and configuration of one `cloakroom dev`.
pub(super) struct DataDirectory {
    /// Absolute, so that pasted commands work in any folder.
    path: PathBuf,
    /// Held while this `dev` runs: two of them on the same data would revoke each other's samples
    /// and overwrite each other's configuration.
    _lock: File,
}

impl DataDirectory {
    /// Creates the directory if it is missing, and locks it.
    pub(super) fn open(path: &Path) -> Result<Self, CommandError> {
        create_dir_all(path).map_err(|error| failed(path, &error))?;
        let path = canonicalize(path).map_err(|error| failed(path, &error))?;
        let lock_path = path.join("lock");
        let failed = |what: &dyn Display| failed(&lock_path, what);
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        // Another user who can open it could lock it.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.open(&lock_path).map_err(|error| failed(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(failed(
                &"another `cloakroom dev` is running on this data; choose another --data-dir, and ports",
            )),
            Err(TryLockError::Error(error)) => Err(failed(&error)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn storage(&self) -> PathBuf {
        self.path.join("storage")
    }

    /// Percent-encoded: a directory's name may hold spaces and characters that mean something in a
    /// URL.
    pub(super) fn database_url(&self) -> Result<String, CommandError> {
        let file = self.path.join("cloakroom.db");
        let url = Url::from_file_path(&file)
            .map_err(|()| failed(&file, &"is not an absolute file name"))?;
        Ok(format!("sqlite://{}?mode=rwc", url.path()))
    }

    pub(super) fn config_file(&self) -> PathBuf {
        self.path.join("cloakroom.toml")
    }

    /// Replaces the configuration file, which only this user can read: it holds secrets.
    pub(super) fn write_config(&self, text: &str) -> Result<(), CommandError> {
        let path = self.config_file();
        let failed = |error| CommandError::Failed(format!("{}: {error}", path.display()));
        let mut file = NamedTempFile::new_in(&self.path).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

fn failed(path: &Path, what: &dyn Display) -> CommandError {
    CommandError::Failed(format!("--data-dir: {}: {what}", path.display()))
}
