use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::account::Account;

/// The file of the account. It holds secrets in the clear, because the store checks signatures with
/// them, so only the user that runs the store may read it.
pub(super) struct AccountFile {
    path: PathBuf,
}

impl AccountFile {
    pub(super) fn new(path: &Path) -> Self {
        let path = path.to_owned();
        Self { path }
    }

    /// Reads the account, which is empty if there is no file.
    pub(super) fn read(&self) -> io::Result<Account> {
        match std::fs::read(&self.path) {
            Ok(json) => serde_json::from_slice(&json).map_err(|error| self.unreadable(error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Account::default()),
            Err(error) => Err(self.unreadable(error)),
        }
    }

    /// Replaces the file as a whole: after a crash there is either the old one or the new one.
    pub(super) fn write(&self, account: &Account) -> io::Result<()> {
        let json = serde_json::to_vec_pretty(account)?;
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let mut file = NamedTempFile::new_in(directory)?;
        file.write_all(&json)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        sync_directory(directory)
    }

    pub(super) fn unreadable(&self, why: impl Display) -> io::Error {
        let path = self.path.display();
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("cannot read the users of the store from {path}: {why}"),
        )
    }
}

/// Makes the new name of a file survive a crash.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
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
    fn written_account_is_read_back() {
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
    fn file_is_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("iam.json");
        std::fs::write(&path, "{").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        AccountFile::new(&path).write(&account("one")).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn error_names_the_unreadable_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("iam.json");
        for content in ["", "{", r#"{"users":{},"more":1}"#, r#"{"users":{"a":{}}}"#] {
            std::fs::write(&path, content).unwrap();
            let error = AccountFile::new(&path).read().err().unwrap();
            assert!(error.to_string().contains("iam.json"), "{error}");
        }
    }
}
