//! Object keys that could lead out of their bucket are refused before any policy is asked.

use percent_encoding::percent_decode_str;
use s3s::{S3Result, s3_error};

/// The longest key of S3, in bytes.
const MAX_KEY_BYTES: usize = 1_024;

/// Refuses a key with a segment `.` or `..`, an empty first segment, a NUL, or one of these once
/// more percent-encoded.
pub(super) fn check_object_key(key: &str) -> S3Result<()> {
    if key.len() > MAX_KEY_BYTES {
        return Err(s3_error!(KeyTooLongError));
    }
    let decoded = percent_decode_str(key).decode_utf8_lossy();
    if climbs(key) || climbs(&decoded) {
        return Err(s3_error!(
            InvalidArgument,
            "The key has a segment that this store refuses"
        ));
    }
    Ok(())
}

fn climbs(key: &str) -> bool {
    key.starts_with('/')
        || key.contains('\0')
        || key
            .split(['/', '\\'])
            .any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_climb_are_refused() {
        for key in [
            "..",
            "../bobb/secret",
            "a/../b",
            "a/..",
            "./a",
            "a/./b",
            "/etc/passwd",
            "//a",
            "%2e%2e/bobb",
            "a/%2E%2e/b",
            "..%2fbobb",
            "%2fetc",
            "a\\..\\b",
            "a\0",
        ] {
            assert!(check_object_key(key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn other_keys_pass() {
        let long = "a".repeat(1_024);
        for key in [
            "a",
            "a/b",
            "a//b",
            "...",
            "..a",
            "a..",
            "100%",
            "a b\u{e4}",
            "x/",
            &long,
        ] {
            assert!(check_object_key(key).is_ok(), "{key:?}");
        }
        assert!(check_object_key(&"a".repeat(1_025)).is_err());
    }
}
