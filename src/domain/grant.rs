use std::fmt;
use std::str::FromStr;

use super::{BucketName, Slug};

/// What is a caller's: the only thing a session policy is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The bucket.
    pub bucket: BucketName,
    /// Only the keys below this, or all.
    pub prefix: Option<Prefix>,
    /// To do what.
    pub access: Access,
}

/// What may be done with objects; the greater one includes the lesser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// List and get.
    Read,
    /// List, get, put and delete.
    ReadWrite,
}

/// The start of the keys that a grant reaches: segments of `[a-z0-9-.]+`, none `.` or `..`, each
/// followed by `/`. The slash at the end is what keeps `acme/` out of `acme-evil/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

/// Not a prefix in the sense of docs/call.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a prefix is segments of [a-z0-9-.], none of them . or .., each followed by /")]
pub struct InvalidPrefix;

impl Grant {
    /// All of a bucket.
    #[must_use]
    pub fn whole(bucket: BucketName, access: Access) -> Self {
        Self {
            bucket,
            prefix: None,
            access,
        }
    }
}

impl Access {
    /// As the audit trail writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadWrite => "read-write",
        }
    }
}

impl Prefix {
    /// Checks the form.
    ///
    /// # Errors
    ///
    /// [`InvalidPrefix`] when it does not hold.
    pub fn parse(value: &str) -> Result<Self, InvalidPrefix> {
        let segments = value.strip_suffix('/').ok_or(InvalidPrefix)?;
        if segments.split('/').all(is_segment) {
            Ok(Self(value.to_owned()))
        } else {
            Err(InvalidPrefix)
        }
    }

    /// A slug is a segment as it stands.
    pub(super) fn of_slug(slug: &Slug) -> Self {
        Self(format!("{slug}/"))
    }

    /// The prefix with its slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Prefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        Self::parse(text)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_segment(segment: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    !matches!(segment, "" | "." | "..") && segment.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_in_a_slash_and_climbs_nowhere() {
        for good in ["acme/", "a/b.c/d-1/", "..a/"] {
            assert!(Prefix::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "", "/", "acme", "a//", "../", "a/../", "./", "A/", "a*/", "a?/", "${a}/", "a b/",
            "/a/", "\u{e4}/",
        ] {
            assert!(Prefix::parse(bad).is_err(), "{bad}");
        }
    }
}
