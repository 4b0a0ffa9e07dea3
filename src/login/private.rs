use std::fs::Metadata;
use std::path::Path;

use super::LoginError;

/// What a mode allows to the group and to others.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

/// Refuses what other users can read or change.
#[cfg(unix)]
pub(super) fn check_private(
    path: &Path,
    metadata: &Metadata,
    mode: &str,
) -> Result<(), LoginError> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let refused = |what: String| LoginError::File {
        path: path.to_owned(),
        what,
    };
    let name = path.display();
    let given = metadata.permissions().mode() & 0o777;
    if given & OTHERS != 0 {
        return Err(refused(format!(
            "other users can read or change it (mode {given:04o}): chmod {mode} {name}"
        )));
    }
    if metadata.uid() != crate::adapters::process_user_id() {
        return Err(refused(format!(
            "belongs to user id {}, not to {}",
            metadata.uid(),
            crate::adapters::process_user()
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail on Unix")]
pub(super) fn check_private(_: &Path, _: &Metadata, _: &str) -> Result<(), LoginError> {
    Ok(())
}
