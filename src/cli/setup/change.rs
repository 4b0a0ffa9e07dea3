use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::adapters::replace_file;
use crate::cli::confirmation::Confirmation;
use crate::cli::error::CommandError;
use crate::cli::output::note;

use super::ini::{Edited, Section};

/// Owner only, as the tools make it: other sections may hold keys.
const NEW_FILE: u32 = 0o600;

/// A change of a file that was not made yet.
pub(super) struct Change {
    path: PathBuf,
    mode: u32,
    edited: Edited,
}

impl Change {
    /// Puts a section into a file. `None` if it is there already.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or has a different section of this name, unless that may be
    /// replaced.
    pub(super) fn new(
        path: &Path,
        section: &Section,
        may_replace: bool,
    ) -> Result<Option<Self>, CommandError> {
        // A link, into a folder of dotfiles for instance, stays one.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let failed = |what: &str| CommandError::Failed(format!("{}: {what}", path.display()));
        let file = match fs::read(&path) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| failed("is not text"))?,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(&error.to_string())),
        };
        if file.contains("RCLONE_ENCRYPT_V0:") {
            return Err(failed("is encrypted: add the profile with rclone config"));
        }
        let Some(edited) = section.put_into(&file) else {
            return Ok(None);
        };
        if edited.removed.is_some() && !may_replace {
            return Err(failed(&format!(
                "has a different profile of this name: choose another --profile, or replace it with \
                 --force\n{}",
                edited.shown()
            )));
        }
        let mode = mode_of(&path).unwrap_or(NEW_FILE);
        Ok(Some(Self { path, mode, edited }))
    }

    /// Shows the change and asks whether to make it.
    pub(super) fn confirm(&self, confirmation: &Confirmation) -> Result<(), CommandError> {
        note(&format!("{}:", self.path.display()));
        for line in self.edited.shown().lines() {
            note(&line);
        }
        confirmation.ask(&format!("Change {}?", self.path.display()))
    }

    pub(super) fn make(&self) -> Result<(), CommandError> {
        let failed = |error| CommandError::Failed(format!("{}: {error}", self.path.display()));
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        let content = self.edited.file.as_bytes();
        replace_file(&self.path, content, self.mode).map_err(failed)
    }
}

impl Edited {
    /// The change as `diff` shows it.
    fn shown(&self) -> String {
        let removed = self.removed.iter().flat_map(|text| text.lines());
        let removed = removed.map(|line| format!("- {line}"));
        let added = self.added.lines().map(|line| format!("+ {line}"));
        removed.chain(added).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(unix)]
fn mode_of(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = fs::metadata(path).ok()?;
    Some(metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode_of(_: &Path) -> Option<u32> {
    None
}
