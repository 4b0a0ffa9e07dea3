//! Keys that live as long as the process.

/// So many random bytes as hex digits.
///
/// # Errors
///
/// When the operating system has no randomness to give.
pub(super) fn hex_digits(bytes: usize) -> std::io::Result<String> {
    let mut buffer = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut buffer).map_err(|_| std::io::Error::other("no randomness"))?;
    Ok(hex::encode(buffer))
}
