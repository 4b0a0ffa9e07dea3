use std::str::FromStr;

use crate::domain::text::impl_text;

/// The longest name, in characters.
const MAX_CHARS: usize = 63;

/// The name of a trusted issuer beside `oauth.issuer`: `[a-z0-9-]+`. Bucket names follow from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IssuerName(String);

/// Not the name of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an issuer's name: 1 to {MAX_CHARS} of the characters a-z, 0-9 and -")]
pub struct InvalidIssuerName;

impl_text!(IssuerName);

impl FromStr for IssuerName {
    type Err = InvalidIssuerName;

    fn from_str(text: &str) -> Result<Self, InvalidIssuerName> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_name = (1..=MAX_CHARS).contains(&text.len()) && text.bytes().all(allowed);
        is_name
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidIssuerName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_small_and_plain() {
        let longest = "a".repeat(63);
        for good in ["github", "gitlab-com", "k8s", "-", "0", &longest] {
            assert!(good.parse::<IssuerName>().is_ok(), "{good}");
        }
        let too_long = "a".repeat(64);
        for bad in [
            "", "GitHub", "a_b", "a.b", "a/b", "a b", "a\0", "\u{e4}", &too_long,
        ] {
            assert!(bad.parse::<IssuerName>().is_err(), "{bad}");
        }
    }
}
