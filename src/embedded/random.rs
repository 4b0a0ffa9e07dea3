//! Names and keys that nobody guesses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// So many random bytes as hex digits.
///
/// # Errors
///
/// When the operating system has no randomness to give.
pub(super) fn hex_digits(bytes: usize) -> std::io::Result<String> {
    Ok(hex::encode(random(bytes)?))
}

/// So many random bytes in base64, with the `+` and `/` that AWS's own secrets have.
///
/// # Errors
///
/// When the operating system has no randomness to give.
pub(super) fn base64(bytes: usize) -> std::io::Result<String> {
    Ok(STANDARD.encode(random(bytes)?))
}

fn random(bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut buffer = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut buffer).map_err(|_| std::io::Error::other("no randomness"))?;
    Ok(buffer)
}
