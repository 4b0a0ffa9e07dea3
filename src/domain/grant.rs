use std::str::FromStr;

use super::text::{impl_text, is_plain};
use super::{BucketName, Slug};

/// What a caller may open. A session policy is made from a grant and from nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// The bucket.
    pub bucket: BucketName,
    /// The prefix of the keys, or all keys.
    pub prefix: Option<Prefix>,
    /// What may be done with the objects.
    pub access: Access,
}

/// What may be done with objects. `ReadWrite` includes `Read`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// List and get.
    Read,
    /// List, get, put and delete.
    ReadWrite,
}

/// The start of the keys that a grant reaches: segments of `[a-z0-9-.]+`, none `.` or `..`, each
/// followed by `/`. The slash at the end keeps `acme/` out of `acme-evil/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Prefix(String);

/// Not a prefix in the sense of docs/call.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a prefix is segments of [a-z0-9-.], none of them . or .., each followed by /")]
pub struct InvalidPrefix;

impl_text!(Prefix);

impl Grant {
    /// Grants all of a bucket.
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
    /// `{slug}/`: every slug is a segment.
    pub(super) fn of_slug(slug: &Slug) -> Self {
        Self(format!("{slug}/"))
    }
}

impl FromStr for Prefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        let segments = text.strip_suffix('/').ok_or(InvalidPrefix)?;
        if segments.split('/').all(is_segment) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPrefix)
        }
    }
}

fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..") && is_plain(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_in_a_slash_and_climbs_nowhere() {
        for good in ["acme/", "a/b.c/d-1/", "..a/"] {
            assert!(good.parse::<Prefix>().is_ok(), "{good}");
        }
        for bad in [
            "", "/", "acme", "a//", "../", "a/../", "./", "A/", "a*/", "a?/", "${a}/", "a b/",
            "/a/", "\u{e4}/",
        ] {
            assert!(bad.parse::<Prefix>().is_err(), "{bad}");
        }
    }
}
