//! What types that wrap checked text have in common.

/// Implements `as_str` and `Display` for types whose only field is their text.
macro_rules! impl_text {
    ($($name:ident),+) => {$(
        impl $name {
            /// The value as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

pub(super) use impl_text;

/// Whether the text consists of lower-case hex digits.
pub(super) fn is_hex(text: &str) -> bool {
    let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.bytes().all(is_digit)
}

/// Whether the text consists of `[a-z0-9-.]`, the alphabet of bucket names and of prefixes.
pub(super) fn is_plain(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    text.bytes().all(is_plain)
}
