use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;

use crate::adapters::check_authorities;
use crate::adapters::oauth::{KeyUse, MAX_KEY_SET_BYTES, check_key_set};

use super::known_secrets::check_secret;
use super::permissions::{self, unreadable};

/// A file that may be replaced while the gateway runs.
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
    KeySet(watch::Sender<Vec<u8>>, KeyUse),
}

/// Says what is wrong with a secret for the key that needs it.
pub(super) type Check = fn(&SecretString) -> Result<(), String>;

/// What is new about a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Reread {
    /// Its content is new and valid. Says what to do if other users can replace or read it.
    Changed(Vec<String>),
    /// It is invalid. The content before stays in use.
    Bad(String),
}

/// The content of a secret's file.
pub(super) struct SecretFile {
    pub(super) secret: SecretString,
    /// What to do if other users can replace or read the file.
    pub(super) exposures: Vec<String>,
}

/// The content of a file with a key set.
pub(super) struct KeySetFile {
    pub(super) json: Vec<u8>,
    /// What to do if other users can replace the file.
    pub(super) exposures: Vec<String>,
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

    /// Checks whether the file has changed. The same complaint is returned only once.
    pub fn reread(&mut self) -> Option<Reread> {
        match self.read() {
            Ok(changed) => {
                self.complaint = None;
                changed
            }
            Err(complaint) if self.complaint.as_ref() == Some(&complaint) => None,
            Err(complaint) => {
                self.complaint = Some(complaint.clone());
                Some(Reread::Bad(complaint))
            }
        }
    }

    /// Whether it was invalid at the last check.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        self.complaint.is_some()
    }

    /// Makes the next check repeat a complaint that was returned before.
    pub fn forget_complaint(&mut self) {
        self.complaint = None;
    }

    fn read(&self) -> Result<Option<Reread>, String> {
        let (changed, exposures) = match &self.content {
            Content::Secret(sender, check) => {
                let new = read_secret(&self.path, *check)?;
                let changed = sender.send_if_modified(|old| {
                    let changed = old.expose_secret() != new.secret.expose_secret();
                    if changed {
                        *old = new.secret;
                    }
                    changed
                });
                (changed, new.exposures)
            }
            Content::Authorities(sender) => {
                let new = Some(read_authorities(&self.path)?);
                let changed = sender.send_if_modified(|old| {
                    let changed = *old != new;
                    if changed {
                        *old = new;
                    }
                    changed
                });
                (changed, Vec::new())
            }
            Content::KeySet(sender, key_use) => {
                let new = read_key_set(&self.path, *key_use)?;
                let changed = sender.send_if_modified(|old| {
                    let changed = *old != new.json;
                    if changed {
                        *old = new.json;
                    }
                    changed
                });
                (changed, new.exposures)
            }
        };
        Ok(changed.then_some(Reread::Changed(exposures)))
    }
}

/// Reads a secret. Error messages name the file.
pub(super) fn read_secret(path: &Path, check: Check) -> Result<SecretFile, String> {
    let cannot = |error| unreadable(path, &error);
    let (mut file, metadata) = permissions::open(path)?;
    let exposures = permissions::check(path, &metadata)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(cannot)?;
    let secret = SecretString::from(text.trim_end_matches(['\r', '\n']));
    check_secret(&secret)
        .and_then(|()| check(&secret))
        .map_err(|what| format!("{}: {what}", path.display()))?;
    Ok(SecretFile { secret, exposures })
}

/// Reads a key set. Whoever can change it can make tokens, so a file that others can write is refused.
/// Error messages name the file.
pub(super) fn read_key_set(path: &Path, key_use: KeyUse) -> Result<KeySetFile, String> {
    let (file, metadata) = permissions::open(path)?;
    permissions::check(path, &metadata)?;
    let mut json = Vec::new();
    let most = u64::try_from(MAX_KEY_SET_BYTES).unwrap_or(u64::MAX);
    file.take(most)
        .read_to_end(&mut json)
        .map_err(|error| unreadable(path, &error))?;
    check_key_set(&json, key_use).map_err(|what| format!("{}: {what}", path.display()))?;
    let exposures = permissions::check_without_secrets(path, &metadata);
    Ok(KeySetFile { json, exposures })
}

/// Reads certificate authorities. Error messages name the file.
pub(super) fn read_authorities(path: &Path) -> Result<Vec<u8>, String> {
    let (mut file, _) = permissions::open(path)?;
    let mut pem = Vec::new();
    file.read_to_end(&mut pem)
        .map_err(|error| unreadable(path, &error))?;
    check_authorities(&pem).map_err(|what| format!("{}: {what}", path.display()))?;
    Ok(pem)
}
