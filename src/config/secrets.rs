//! Values that are secrets, or that stand in separate files.

use std::path::PathBuf;

use secrecy::SecretString;
use tokio::sync::watch;

use crate::adapters::oauth::KeyUse;
use crate::adapters::{Current, fixed};

use super::files::{self, Check, Content, WatchedFile, read_authorities, read_key_set};
use super::key::{Key, Kind, file_key};
use super::known_secrets::check_secret;
use super::permissions;
use super::reader::{Read, Reader};
use super::source::Origin;

/// Shown instead of a secret.
const HIDDEN: &str = "(hidden)";

/// The option that names the configuration file.
const CONFIG: &str = "--config";

impl Reader {
    /// A secret: the value, or the content of the file that `<key>_file` names. Well-known secrets
    /// are refused, and so are files that other users can write.
    pub(super) fn secret(&mut self, key: Key, check: Check) -> Read<Option<SecretString>> {
        let secret = self.read_secret(key, check)?;
        Ok(secret.map(|(secret, _)| secret))
    }

    /// A secret that changes when its file changes.
    pub(super) fn current_secret(
        &mut self,
        key: Key,
        check: Check,
    ) -> Read<Option<Current<SecretString>>> {
        let Some((secret, path)) = self.read_secret(key, check)? else {
            return Ok(None);
        };
        let (sender, current) = watch::channel(secret);
        if let Some(path) = path {
            let content = Content::Secret(sender, check);
            self.watch(&file_key(key.name), path, content);
        }
        Ok(Some(current))
    }

    fn watch(&mut self, key: &str, path: PathBuf, content: Content) {
        let key = self.name(key).into_owned();
        self.files.push(WatchedFile::new(&key, path, content));
    }

    fn read_secret(
        &mut self,
        key: Key,
        check: Check,
    ) -> Read<Option<(SecretString, Option<PathBuf>)>> {
        self.declare(key, Kind::Text, true);
        let key = key.name;
        let file_key = file_key(key);
        let (secret, path) = (self.text(key), self.text(&file_key));
        match (secret?, path?) {
            (None, None) => {
                self.note(key, None, "not set");
                Ok(None)
            }
            (Some(secret), None) => {
                let secret = self.check_inline(key, SecretString::from(secret), check)?;
                self.note_found(key, HIDDEN);
                Ok(Some((secret, None)))
            }
            (None, Some(path)) => {
                let path = PathBuf::from(path);
                let file = files::read_secret(&path, check);
                let file = file.map_err(|what| self.error(&file_key, what))?;
                self.warn_of(&file_key, file.exposures);
                self.note(key, Some(HIDDEN), path.display().to_string());
                Ok(Some((file.secret, Some(path))))
            }
            (Some(_), Some(_)) => {
                Err(self.error(key, format!("is given twice: here and by {file_key}")))
            }
        }
    }

    /// Checks a secret that stands in the configuration, and the file if it stands there.
    fn check_inline(
        &mut self,
        key: &str,
        secret: SecretString,
        check: Check,
    ) -> Read<SecretString> {
        let good = check_secret(&secret).and_then(|()| check(&secret));
        good.map_err(|what| self.error(key, what))?;
        let is_in_file = matches!(self.origin(key), Some(Origin::File { .. }));
        if let Some((path, metadata)) = self.file.as_ref().filter(|_| is_in_file) {
            let exposures = permissions::check(path, metadata);
            self.file_holds_secrets = true;
            let exposures = exposures.map_err(|what| self.error(key, what))?;
            self.warn_of(CONFIG, exposures);
        }
        Ok(secret)
    }

    /// Warns of a configuration file without secrets that other users can change: it may still say
    /// where secrets come from and where they go.
    pub(super) fn check_file(&mut self) {
        if !self.file_holds_secrets
            && let Some((path, metadata)) = &self.file
        {
            let exposures = permissions::check_without_secrets(path, metadata);
            self.warn_of(CONFIG, exposures);
        }
    }

    /// Adds each warning once: several secrets may be in one file.
    pub(super) fn warn_of(&mut self, key: &str, exposures: Vec<String>) {
        for exposure in exposures {
            let warning = format!("{}: {exposure}", self.name(key));
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    /// The certificate authorities in a file, if one is named. They change when the file changes.
    pub(super) fn authorities(&mut self, key: Key) -> Read<Current<Option<Vec<u8>>>> {
        let Some(path) = self.optional::<PathBuf>(key)? else {
            return Ok(fixed(None));
        };
        let pem = read_authorities(&path).map_err(|what| self.error(key, what))?;
        let (sender, current) = watch::channel(Some(pem));
        self.watch(key.name, path, Content::Authorities(sender));
        Ok(current)
    }

    /// The key set in a file, if one is named. It changes when the file changes.
    pub(super) fn key_set(&mut self, key: Key, key_use: KeyUse) -> Read<Option<Current<Vec<u8>>>> {
        let Some(path) = self.optional::<PathBuf>(key)? else {
            return Ok(None);
        };
        let file = read_key_set(&path, key_use).map_err(|what| self.error(key, what))?;
        self.warn_of(key.name, file.exposures);
        let (sender, current) = watch::channel(file.json);
        self.watch(key.name, path, Content::KeySet(sender, key_use));
        Ok(Some(current))
    }
}
