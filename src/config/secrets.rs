//! Values that are secrets, or that stand in files of their own.

use std::path::PathBuf;

use secrecy::SecretString;
use tokio::sync::watch;

use crate::adapters::{Current, fixed};

use super::files::{self, Check, Content, WatchedFile, read_authorities};
use super::known_secrets::check_secret;
use super::permissions;
use super::reader::{ReadOption, Reader, file_key};
use super::source::Origin;

/// Stands for a secret where values are shown.
const HIDDEN: &str = "(hidden)";

/// The option that names the configuration file.
const CONFIG: &str = "--config";

impl Reader {
    /// A secret: the value, or the content of the file that `<key>_file` names, as it is now.
    /// Refuses well-known secrets and files that other users can write.
    pub(super) fn secret(&mut self, key: &str) -> ReadOption<SecretString> {
        Some(self.read_secret(key, |_| Ok(()))?.map(|(secret, _)| secret))
    }

    /// The same, and when the file changes, the value does.
    pub(super) fn current_secret(
        &mut self,
        key: &str,
        check: Check,
    ) -> ReadOption<Current<SecretString>> {
        let Some((secret, path)) = self.read_secret(key, check)? else {
            return Some(None);
        };
        let (sender, current) = watch::channel(secret);
        if let Some(path) = path {
            self.watch(&file_key(key), path, Content::Secret(sender, check));
        }
        Some(Some(current))
    }

    fn watch(&mut self, key: &str, path: PathBuf, content: Content) {
        self.files.push(WatchedFile::new(key, path, content));
    }

    fn read_secret(
        &mut self,
        key: &str,
        check: Check,
    ) -> ReadOption<(SecretString, Option<PathBuf>)> {
        let file_key = file_key(key);
        match (self.text(key), self.text(&file_key)) {
            (Some(None), Some(None)) => {
                self.note(key, None, "not set");
                Some(None)
            }
            (Some(Some(secret)), Some(None)) => {
                let secret = self.check_inline(key, SecretString::from(secret), check)?;
                self.note_found(key, HIDDEN);
                Some(Some((secret, None)))
            }
            (Some(None), Some(Some(path))) => {
                let path = PathBuf::from(path);
                let file = files::read_secret(&path, check)
                    .map_err(|what| self.error(&file_key, what))
                    .ok()?;
                self.warn_of(&file_key, file.exposures);
                self.note(key, Some(HIDDEN), path.display().to_string());
                Some(Some((file.secret, Some(path))))
            }
            (Some(Some(_)), Some(Some(_))) => {
                self.error(key, format!("is given twice: here and by {file_key}"));
                None
            }
            _ => None,
        }
    }

    /// A secret that stands in the configuration itself, whose file is then a secret's.
    fn check_inline(
        &mut self,
        key: &str,
        secret: SecretString,
        check: Check,
    ) -> Option<SecretString> {
        let good = check_secret(&secret).and_then(|()| check(&secret));
        good.map_err(|what| self.error(key, what)).ok()?;
        let is_in_file = matches!(self.origin(key), Some(Origin::File { .. }));
        if let Some((path, metadata)) = self.file.as_ref().filter(|_| is_in_file) {
            let exposures = permissions::check(path, metadata);
            self.file_holds_secrets = true;
            let exposures = exposures.map_err(|what| self.error(key, what)).ok()?;
            self.warn_of(CONFIG, exposures);
        }
        Some(secret)
    }

    /// A configuration file without secrets may still say where they come from and go to.
    pub(super) fn check_file(&mut self) {
        if !self.file_holds_secrets
            && let Some((path, metadata)) = &self.file
        {
            let exposures = permissions::check_without_secrets(path, metadata);
            self.warn_of(CONFIG, exposures);
        }
    }

    /// Several secrets may stand in one file.
    pub(super) fn warn_of(&mut self, key: &str, exposures: Vec<String>) {
        for exposure in exposures {
            let warning = format!("{key}: {exposure}");
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    /// The content of a file of certificate authorities, if one is named; when the file changes,
    /// the value does.
    pub(super) fn authorities(&mut self, key: &str) -> Option<Current<Option<Vec<u8>>>> {
        let Some(path) = self.optional::<PathBuf>(key)? else {
            return Some(fixed(None));
        };
        let pem = read_authorities(&path);
        let pem = pem.map_err(|what| self.error(key, what)).ok()?;
        let (sender, current) = watch::channel(Some(pem));
        self.watch(key, path, Content::Authorities(sender));
        Some(current)
    }
}
