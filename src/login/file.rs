use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use url::Url;

use crate::adapters::{replace_file, unfinished};

use super::private::check_private;
use super::{Gateway, Login, LoginError};

/// Owner only.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// How long another process may hold the lock: it sends one request meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The file that keeps the [`Login`] at one gateway, in the user's state directory. It is replaced as a
/// whole, so reading it needs no lock.
#[derive(Clone, Debug)]
pub struct LoginFile {
    path: PathBuf,
    gateway: Gateway,
}

/// The file, locked against other processes until this is dropped.
#[derive(Debug)]
pub struct LockedLogin<'a> {
    file: &'a LoginFile,
    _lock: File,
}

impl LoginFile {
    /// The file for this gateway. It need not exist.
    ///
    /// # Errors
    ///
    /// [`LoginError::File`] when the user has no home directory.
    pub fn of(gateway: &Gateway) -> Result<Self, LoginError> {
        let name = format!("{}.json", name_of(&gateway.to_string()));
        Ok(Self {
            path: directory()?.join(name),
            gateway: gateway.clone(),
        })
    }

    /// The gateways that a person has signed in at.
    ///
    /// # Errors
    ///
    /// [`LoginError::File`] when the directory or a file in it cannot be read.
    pub fn gateways() -> Result<Vec<Url>, LoginError> {
        let directory = directory()?;
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(LoginError::file(directory, &error)),
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let paths = paths.filter(|path| path.extension().is_some_and(|end| end == "json"));
        let logins = paths.filter_map(|path| read(&path).transpose());
        let mut gateways: Vec<Url> = logins
            .filter_map(|login| {
                login
                    .map(|login| Url::parse(&login.gateway).ok())
                    .transpose()
            })
            .collect::<Result<_, _>>()?;
        gateways.sort();
        Ok(gateways)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it keeps; nothing if there is no such file.
    ///
    /// # Errors
    ///
    /// [`LoginError::File`] when it cannot be read, or others can, or its tokens may not go where it says.
    pub fn read(&self) -> Result<Option<Login>, LoginError> {
        let login = read(&self.path)?;
        login.map(|login| self.checked(login)).transpose()
    }

    /// `--allow-http` counts for the command that it is given to.
    fn checked(&self, login: Login) -> Result<Login, LoginError> {
        let failed = |what: String| LoginError::File {
            path: self.path.clone(),
            what,
        };
        if login.gateway != self.gateway.to_string() {
            let what = format!("is for {}: remove it and sign in again", login.gateway);
            return Err(failed(what));
        }
        let endpoints = [
            Some(&login.token_endpoint),
            login.revocation_endpoint.as_ref(),
        ];
        let mut endpoints = endpoints.iter().flatten();
        let exposed = endpoints.find(|endpoint| !self.gateway.may_use(endpoint));
        if let Some(exposed) = exposed {
            let what = format!("{exposed} is plain http: use https, or add --allow-http");
            return Err(failed(what));
        }
        Ok(login)
    }

    /// Waits until no other process changes the file.
    ///
    /// # Errors
    ///
    /// [`LoginError::File`] when the directory cannot be made, or another process does not finish.
    pub async fn lock(&self) -> Result<LockedLogin<'_>, LoginError> {
        let path = self.path.with_extension("lock");
        let failed = |error: &io::Error| LoginError::file(&path, error);
        if let Some(directory) = self.path.parent() {
            make_directory(directory)?;
        }
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, FILE_MODE);
        let lock = options.open(&path).map_err(|error| failed(&error))?;
        let end = Instant::now() + PATIENCE;
        loop {
            match lock.try_lock() {
                Ok(()) => {
                    return Ok(LockedLogin {
                        file: self,
                        _lock: lock,
                    });
                }
                Err(TryLockError::Error(error)) => return Err(failed(&error)),
                Err(TryLockError::WouldBlock) if Instant::now() > end => {
                    let what = "another cloakroom holds this file and does not finish".to_owned();
                    return Err(LoginError::File { path, what });
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// Nobody has signed in at the gateway.
    #[must_use]
    pub fn not_signed_in(&self) -> LoginError {
        LoginError::NotSignedIn(self.gateway.to_string())
    }
}

impl LockedLogin<'_> {
    /// What the file keeps now. A process that was killed before the new content took the file's name has
    /// left the only refresh token that is good: this gives it the name.
    ///
    /// # Errors
    ///
    /// See [`LoginFile::read`].
    pub fn read(&self) -> Result<Option<Login>, LoginError> {
        let path = &self.file.path;
        let failed = |error: io::Error| LoginError::file(path, &error);
        let new = unfinished(path).map_err(failed)?;
        // One that is not whole is nothing.
        if let Ok(Some(_)) = read(&new) {
            fs::rename(&new, path).map_err(failed)?;
        }
        self.file.read()
    }

    /// Replaces the file.
    ///
    /// # Errors
    ///
    /// [`LoginError::File`]; then it is as it was.
    pub fn write(&self, login: &Login) -> Result<(), LoginError> {
        let path = &self.file.path;
        let written = serde_json::to_vec_pretty(login).map_err(io::Error::from);
        let written = written.and_then(|text| replace_file(path, &text, FILE_MODE));
        written.map_err(|error| LoginError::file(path, &error))
    }

    /// Removes the file, and what a killed process has left beside it.
    ///
    /// # Errors
    ///
    /// [`LoginError::File`].
    pub fn remove(&self) -> Result<(), LoginError> {
        let path = &self.file.path;
        let removed = unfinished(path).and_then(|new| match fs::remove_file(new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::remove_file(path),
        });
        removed.map_err(|error| LoginError::file(path, &error))
    }
}

/// The host, for people, and digits that tell two gateways of one host apart.
fn name_of(gateway: &str) -> String {
    let url = Url::parse(gateway).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let host: String = host.chars().filter(|c| plain(*c)).collect();
    let digest = hex::encode(Sha256::digest(gateway));
    let digits: String = digest.chars().take(12).collect();
    format!("{host}-{digits}")
}

/// `$XDG_STATE_HOME/cloakroom`, by default `~/.local/state/cloakroom` (XDG Base Directory Specification).
fn directory() -> Result<PathBuf, LoginError> {
    let set = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let set = set.filter(|path| path.is_absolute());
    let by_default = || Some(std::env::home_dir()?.join(".local/state"));
    let state = set.or_else(by_default).ok_or_else(|| LoginError::File {
        path: "~/.local/state".into(),
        what: "there is no home directory: set XDG_STATE_HOME".to_owned(),
    })?;
    Ok(state.join("cloakroom"))
}

fn make_directory(path: &Path) -> Result<(), LoginError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, DIRECTORY_MODE);
    builder.create(path).map_err(|error| LoginError::File {
        path: path.to_owned(),
        what: format!("{error}: tokens are kept there; XDG_STATE_HOME names another place"),
    })?;
    let metadata = fs::metadata(path);
    let metadata = metadata.map_err(|error| LoginError::file(path, &error))?;
    check_private(path, &metadata, "700")
}

fn read(path: &Path) -> Result<Option<Login>, LoginError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LoginError::file(path, &error)),
    };
    let metadata = file.metadata();
    let metadata = metadata.map_err(|error| LoginError::file(path, &error))?;
    check_private(path, &metadata, "600")?;
    let text = io::read_to_string(file).map_err(|error| LoginError::file(path, &error))?;
    let login = serde_json::from_str(&text).map_err(|_| LoginError::File {
        path: path.to_owned(),
        what: "is damaged: remove it and sign in again".to_owned(),
    })?;
    Ok(Some(login))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gateway_has_its_own_file() {
        let mut names: Vec<String> = [
            "https://gateway.example",
            "https://gateway.example/a",
            "https://gateway.example:444",
            "http://[::1]:8080",
        ]
        .map(name_of)
        .into();
        assert!(names[0].starts_with("gateway.example-"), "{names:?}");
        assert!(names.iter().all(|name| !name.contains(['/', ':', '['])));
        names.dedup();
        assert_eq!(names.len(), 4);
    }
}
