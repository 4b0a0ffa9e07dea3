use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;

use crate::adapters::check_authorities;

use super::reader::is_known_secret;

/// A file whose content the gateway uses, and which may be replaced while it runs.
#[derive(Clone, Debug)]
pub struct WatchedFile {
    key: String,
    path: PathBuf,
    content: Content,
    complaint: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Secret(watch::Sender<SecretString>, Check),
    Authorities(watch::Sender<Option<Vec<u8>>>),
}

/// What else must hold of a secret.
pub(super) type Check = fn(&SecretString) -> Result<(), String>;

/// What a look at a file brought that was not known before.
#[derive(Debug, PartialEq, Eq)]
pub enum Reread {
    /// It holds something new and good.
    Changed,
    /// It is no good, and what it held before stays in use.
    Bad(String),
}

impl WatchedFile {
    pub(super) fn new(key: &str, path: PathBuf, content: Content) -> Self {
        Self {
            key: key.to_owned(),
            path,
            content,
            complaint: None,
        }
    }

    /// The configuration key that names the file.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Looks whether the file has changed. The same complaint is made once only.
    pub fn reread(&mut self) -> Option<Reread> {
        match self.read() {
            Ok(changed) => {
                self.complaint = None;
                changed.then_some(Reread::Changed)
            }
            Err(complaint) if self.complaint.as_ref() == Some(&complaint) => None,
            Err(complaint) => {
                self.complaint = Some(complaint.clone());
                Some(Reread::Bad(complaint))
            }
        }
    }

    /// The next look says what is wrong with the file even if the last one has said the same.
    pub fn forget_complaint(&mut self) {
        self.complaint = None;
    }

    fn read(&self) -> Result<bool, String> {
        Ok(match &self.content {
            Content::Secret(sender, check) => {
                let new = SecretString::from(read_secret(&self.path)?);
                check_secret(&new)?;
                check(&new)?;
                sender.send_if_modified(|old| {
                    let changed = old.expose_secret() != new.expose_secret();
                    if changed {
                        *old = new;
                    }
                    changed
                })
            }
            Content::Authorities(sender) => {
                let new = Some(read_authorities(&self.path)?);
                sender.send_if_modified(|old| {
                    let changed = *old != new;
                    if changed {
                        *old = new;
                    }
                    changed
                })
            }
        })
    }
}

/// What is wrong with a secret, wherever it stands.
pub(super) fn check_secret(secret: &SecretString) -> Result<(), String> {
    let secret = secret.expose_secret();
    if secret.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if is_known_secret(secret) {
        return Err("is a secret that everybody knows: choose another".to_owned());
    }
    Ok(())
}

pub(super) fn read_secret(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    if is_world_readable(path) {
        return Err("everybody on this machine can read it: chmod o-r".to_owned());
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

pub(super) fn read_authorities(path: &Path) -> Result<Vec<u8>, String> {
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    check_authorities(&pem)?;
    Ok(pem)
}

#[cfg(unix)]
pub(super) fn is_world_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    const OTHERS_READ: u32 = 0o004;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & OTHERS_READ != 0)
}

#[cfg(not(unix))]
pub(super) fn is_world_readable(_: &Path) -> bool {
    false
}
