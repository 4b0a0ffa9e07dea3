//! Whether other users can read or replace a file that holds a secret.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

use crate::adapters::process_user;
#[cfg(unix)]
use crate::adapters::process_user_id;

/// Says why a file cannot be read, and who must be able to.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> String {
    let name = path.display();
    if error.kind() == io::ErrorKind::PermissionDenied {
        format!(
            "{name}: {error}: {} must be able to read it",
            process_user()
        )
    } else {
        format!("{name}: {error}")
    }
}

/// Opens a regular file. Opening a pipe would wait for its writer.
pub(super) fn open(path: &Path) -> Result<(File, Metadata), String> {
    let cannot = |error| unreadable(path, &error);
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if metadata.is_file() {
        Ok((file, metadata))
    } else {
        Err(format!("{}: is not a regular file", path.display()))
    }
}

/// Refuses a file that other users can write. Only warns of a file that belongs to another user, that
/// others can replace, or that everyone can read: mounted secrets are often like that.
#[cfg(unix)]
pub(super) fn check(path: &Path, metadata: &Metadata) -> Result<Vec<String>, String> {
    if let Some(writable) = writable(path, metadata, "400") {
        return Err(writable);
    }
    let warnings = [
        foreign(path, metadata),
        replaceable(path),
        readable(path, metadata),
    ];
    Ok(warnings.into_iter().flatten().collect())
}

/// Warns of a file without secrets that other users can write or replace.
#[cfg(unix)]
pub(super) fn check_without_secrets(path: &Path, metadata: &Metadata) -> Vec<String> {
    let warnings = [writable(path, metadata, "go-w"), replaceable(path)];
    warnings.into_iter().flatten().collect()
}

#[cfg(unix)]
fn writable(path: &Path, metadata: &Metadata, remedy: &str) -> Option<String> {
    const OTHERS_WRITE: u32 = 0o022;
    let mode = mode_of(metadata);
    let name = path.display();
    (mode & OTHERS_WRITE != 0).then(|| {
        format!("{name}: other users can write this file (mode {mode:04o}): chmod {remedy} {name}")
    })
}

#[cfg(unix)]
fn foreign(path: &Path, metadata: &Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    const ROOT: u32 = 0;
    let owner = metadata.uid();
    (owner != ROOT && owner != process_user_id()).then(|| {
        format!(
            "{}: belongs to user id {owner}, who can change it: make {} or root its owner",
            path.display(),
            process_user()
        )
    })
}

#[cfg(unix)]
fn replaceable(path: &Path) -> Option<String> {
    let directory = open_directory(path)?;
    Some(format!(
        "{}: other users can replace this file: chmod o-w {}",
        path.display(),
        directory.display()
    ))
}

#[cfg(unix)]
fn readable(path: &Path, metadata: &Metadata) -> Option<String> {
    const ALL_READ: u32 = 0o004;
    let mode = mode_of(metadata);
    (mode & ALL_READ != 0).then(|| {
        format!(
            "{name}: every user of this machine can read this file (mode {mode:04o}): make {user} \
             its owner and set mode 0400; in Kubernetes, set defaultMode: 0400 and an fsGroup",
            name = path.display(),
            user = process_user()
        )
    })
}

/// The directory of the file, or of the symbolic link to it, if every user may rename its files. With
/// the sticky bit, which Kubernetes sets on mounted secrets, only owners may.
#[cfg(unix)]
fn open_directory(path: &Path) -> Option<std::path::PathBuf> {
    const ALL_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let named = std::path::absolute(path);
    let real = path.canonicalize();
    let files = [named, real].into_iter().flatten();
    let directories = files.filter_map(|file| file.parent().map(Path::to_owned));
    let is_open = |directory: &std::path::PathBuf| {
        let mode = directory.metadata().map(|metadata| mode_of(&metadata));
        mode.is_ok_and(|mode| mode & ALL_WRITE != 0 && mode & STICKY == 0)
    };
    directories.into_iter().find(is_open)
}

#[cfg(unix)]
fn mode_of(metadata: &Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o7777
}

#[cfg(not(unix))]
pub(super) fn check(_: &Path, _: &Metadata) -> Result<Vec<String>, String> {
    Ok(Vec::new())
}

#[cfg(not(unix))]
pub(super) fn check_without_secrets(_: &Path, _: &Metadata) -> Vec<String> {
    Vec::new()
}
