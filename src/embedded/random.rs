//! Identifiers and secrets that cannot be guessed.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Returns this many random bytes as hex digits.
///
/// # Errors
///
/// When the operating system has no randomness.
pub(super) fn hex_digits(bytes: usize) -> io::Result<String> {
    Ok(hex::encode(random(bytes)?))
}

/// Returns this many random bytes in base64, with the `+` and `/` that AWS's secrets have.
///
/// # Errors
///
/// When the operating system has no randomness.
pub(super) fn base64(bytes: usize) -> io::Result<String> {
    Ok(STANDARD.encode(random(bytes)?))
}

/// Returns an identifier in AWS's form: `AKIA` for an access key, `ASIA` for a session's, `AIDA`
/// for a user, then 16 characters.
///
/// # Errors
///
/// When the operating system has no randomness.
pub(super) fn aws_id(prefix: &str) -> io::Result<String> {
    Ok(format!("{prefix}{}", hex_digits(8)?.to_uppercase()))
}

fn random(bytes: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut buffer).map_err(|_| io::Error::other("no randomness"))?;
    Ok(buffer)
}
