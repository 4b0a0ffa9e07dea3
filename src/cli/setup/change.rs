use std::fs;
#[cfg(unix)]
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::adapters::{directory_of, replace_file};
use crate::cli::confirmation::Confirmation;
use crate::cli::error::CommandError;
use crate::cli::output::note;

use super::ini::{Ambiguous, Edited, Section};

/// Owner only, as the tools make it: other sections may hold keys.
const NEW_FILE: u32 = 0o600;

/// A change of a file that was not made yet.
pub(super) struct Change {
    section: Section,
    path: PathBuf,
    mode: u32,
    /// What the file held when the change was shown.
    before: String,
    edited: Edited,
}

impl Change {
    /// Puts a section into a file. `None` if it is there already.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or has a different section of this name, unless that may be
    /// replaced, or several.
    pub(super) fn new(
        path: &Path,
        section: &Section,
        may_replace: bool,
    ) -> Result<Option<Self>, CommandError> {
        // A link, into a folder of dotfiles for instance, stays one.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let failed = |what: &str| CommandError::Failed(format!("{}: {what}", path.display()));
        let before = read_text(&path)?;
        if before.contains("RCLONE_ENCRYPT_V0:") {
            return Err(failed("is encrypted: add the profile with rclone config"));
        }
        let edited = section.put_into(&before);
        let edited = edited.map_err(|Ambiguous| {
            failed("has more than one profile of this name: remove all but one, or choose another --profile")
        })?;
        let Some(edited) = edited else {
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
        Ok(Some(Self {
            section: section.clone(),
            path,
            mode,
            before,
            edited,
        }))
    }

    /// Shows the change and asks whether to make it.
    pub(super) fn confirm(&self, confirmation: &Confirmation) -> Result<(), CommandError> {
        note(&format!("{}:", self.path.display()));
        for line in self.edited.shown().lines() {
            note(&line);
        }
        confirmation.ask(&format!("Change {}?", self.path.display()))
    }

    /// Makes the change, if the file still is as it was when the change was shown.
    pub(super) fn make(&self) -> Result<(), CommandError> {
        let failed = |error| CommandError::Failed(format!("{}: {error}", self.path.display()));
        let directory = directory_of(&self.path);
        fs::create_dir_all(directory).map_err(failed)?;
        let _lock = lock(directory).map_err(failed)?;
        let now = read_text(&self.path)?;
        if now == self.before {
            let content = self.edited.file.as_bytes();
            return replace_file(&self.path, content, self.mode).map_err(failed);
        }
        // The same command in another terminal.
        if self.section.put_into(&now) == Ok(None) {
            return Ok(());
        }
        Err(CommandError::Failed(format!(
            "{}: another program has changed it meanwhile: run the command again",
            self.path.display()
        )))
    }
}

/// Keeps other processes of this program from changing files in this directory, until it is dropped.
#[cfg(unix)]
fn lock(directory: &Path) -> std::io::Result<File> {
    let directory = File::open(directory)?;
    directory.lock()?;
    Ok(directory)
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail on Unix")]
fn lock(_: &Path) -> std::io::Result<()> {
    Ok(())
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

/// The file's text; nothing if there is no such file.
pub(super) fn read_text(path: &Path) -> Result<String, CommandError> {
    let failed = |what: &str| CommandError::Failed(format!("{}: {what}", path.display()));
    match fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| failed("is not text")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(failed(&error.to_string())),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_another_program_changes_meanwhile_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config");
        let section = Section::new("profile x", &["region = here".to_owned()]);
        let theirs = "[profile theirs]\n";
        for before in [None, Some("[profile y]\n")] {
            if let Some(before) = before {
                fs::write(&path, before).unwrap();
            }
            let change = Change::new(&path, &section, false).unwrap().unwrap();
            fs::write(&path, theirs).unwrap();
            change.make().unwrap_err();
            assert_eq!(fs::read_to_string(&path).unwrap(), theirs);
        }
    }

    #[test]
    fn the_same_change_can_be_made_in_two_terminals() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config");
        let section = Section::new("profile x", &["region = here".to_owned()]);
        let changes = [(); 2].map(|()| Change::new(&path, &section, false).unwrap().unwrap());
        for change in changes {
            change.make().unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "[profile x]\nregion = here\n");
    }
}
