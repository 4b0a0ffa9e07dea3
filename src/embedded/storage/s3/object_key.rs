use percent_encoding::percent_decode_str;
use s3s::{S3Result, s3_error};

/// The longest key that S3 allows.
const MAX_KEY_BYTES: usize = 1_024;

/// Refuses object keys that could lead out of their bucket: with a segment `.` or `..`, an empty
/// first segment or a NUL, also after percent-decoding the key once more.
pub(super) fn check_object_key(key: &str) -> S3Result<()> {
    if key.len() > MAX_KEY_BYTES {
        return Err(s3_error!(KeyTooLongError));
    }
    let decoded = percent_decode_str(key).decode_utf8_lossy();
    if is_unsafe(key) || is_unsafe(&decoded) {
        return Err(s3_error!(
            InvalidArgument,
            "The key has a segment that this store refuses"
        ));
    }
    Ok(())
}

fn is_unsafe(key: &str) -> bool {
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
    fn keys_that_could_leave_the_bucket_are_refused() {
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
    fn other_keys_are_accepted() {
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
