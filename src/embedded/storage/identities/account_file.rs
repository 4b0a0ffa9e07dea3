use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::account::Account;

/// Where the account is kept: secrets in the clear, since the store must check signatures with
/// them, so only its owner may read it.
pub(super) struct AccountFile {
    path: PathBuf,
}

impl AccountFile {
    pub(super) fn new(path: &Path) -> Self {
        let path = path.to_owned();
        Self { path }
    }

    /// An empty account, if there is no file.
    pub(super) fn read(&self) -> io::Result<Account> {
        match std::fs::read(&self.path) {
            Ok(json) => serde_json::from_slice(&json).map_err(|error| self.unreadable(error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Account::default()),
            Err(error) => Err(self.unreadable(error)),
        }
    }

    /// Replaces the file as a whole; after a crash there is the old one or the new one.
    pub(super) fn write(&self, account: &Account) -> io::Result<()> {
        let json = serde_json::to_vec_pretty(account)?;
        let new = self.path.with_extension("new");
        // One that a crash left may have had any mode.
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private().write(true).create_new(true).open(&new)?;
        file.write_all(&json)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        sync_directory(&self.path)
    }

    /// That the store cannot start with this file.
    pub(super) fn unreadable(&self, why: impl std::fmt::Display) -> io::Error {
        let path = self.path.display();
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the users of the store cannot be read from {path}: {why}"),
        )
    }
}

/// A file that only we can read.
fn private() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there is no mode to set"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// So that the new name lasts as well.
#[cfg(unix)]
fn sync_directory(file: &Path) -> io::Result<()> {
    let directory = file.parent().unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> Account {
        let mut account = Account::default();
        let (name, path) = (name.to_owned(), "/".to_owned());
        account.create(name, path, Vec::new()).unwrap();
        account
    }

    #[test]
    fn what_was_written_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let file = AccountFile::new(&directory.path().join("iam.json"));
        assert!(file.read().unwrap().users.is_empty());
        file.write(&account("one")).unwrap();
        file.write(&account("two")).unwrap();
        let users = file.read().unwrap().users;
        assert_eq!(users.keys().collect::<Vec<_>>(), ["two"]);
        let names = std::fs::read_dir(directory.path()).unwrap();
        assert_eq!(names.count(), 1, "nothing else is left");
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_it_whatever_a_crash_left() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("iam.json");
        let left = directory.path().join("iam.new");
        std::fs::write(&left, "{").unwrap();
        std::fs::set_permissions(&left, std::fs::Permissions::from_mode(0o644)).unwrap();
        AccountFile::new(&path).write(&account("one")).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("iam.json");
        for content in ["", "{", r#"{"users":{},"more":1}"#, r#"{"users":{"a":{}}}"#] {
            std::fs::write(&path, content).unwrap();
            let error = AccountFile::new(&path).read().err().unwrap();
            assert!(error.to_string().contains("iam.json"), "{error}");
        }
    }
}
