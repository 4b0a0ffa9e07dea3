/// The id of the user that runs this process.
#[cfg(unix)]
#[must_use]
pub fn process_user_id() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The user that runs this process, for messages about files that it cannot use.
#[cfg(unix)]
#[must_use]
pub fn process_user() -> String {
    format!("user id {}", process_user_id())
}

/// The user that runs this process, for messages about files that it cannot use.
#[cfg(not(unix))]
#[must_use]
pub fn process_user() -> String {
    "this user".to_owned()
}
