//! Who else can read or replace a file that holds a secret.

use std::fs::Metadata;
use std::io;
use std::path::Path;

use crate::adapters::process_user;

/// Why a file cannot be read.
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

/// Refuses a file that other users can write. Warns of one that they can replace and of one that all
/// of them can read: mounted secrets are often like that, so it is no reason to refuse one.
#[cfg(unix)]
pub(super) fn check(path: &Path, metadata: &Metadata) -> Result<Vec<String>, String> {
    const OTHERS_WRITE: u32 = 0o022;
    const ALL_READ: u32 = 0o004;
    let mode = mode_of(metadata);
    let name = path.display();
    if mode & OTHERS_WRITE != 0 {
        return Err(format!(
            "{name}: other users can write this file (mode {mode:04o}): chmod go-w {name}"
        ));
    }
    let replaceable = open_directory(path).map(|directory| {
        let directory = directory.display();
        format!("{name}: other users can replace this file: chmod o-w {directory}")
    });
    let readable = (mode & ALL_READ != 0).then(|| {
        format!(
            "{name}: every user of this machine can read this file (mode {mode:04o}): make {user} \
             its owner and set mode 0400; in Kubernetes, set defaultMode: 0400 and an fsGroup",
            user = process_user()
        )
    });
    Ok([replaceable, readable].into_iter().flatten().collect())
}

/// The directory of the file, or of the symbolic link to it, if every user may rename what is in
/// it. A directory with the sticky bit, as Kubernetes mounts secrets in, lets only owners do that.
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
