use std::fmt;
use std::str::FromStr;

use super::Prefix;
use super::text::impl_text;

/// The form of a slug, as messages describe it.
pub const SLUG_FORM: &str =
    "expected 1 to 63 of the characters a-z, 0-9 and -, the first of them no -";

/// The longest slug, in characters.
const MAX_SLUG_CHARS: usize = 63;

/// The name of an organisation, or of a workspace within one: `[a-z0-9][a-z0-9-]{0,62}`.
///
/// It enters session policies as part of a prefix; its alphabet holds no wildcard, no variable and
/// no slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(String);

/// A workspace and the organisation it is in, written `organisation/workspace`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorkspaceName {
    /// The organisation.
    pub organisation: Slug,
    /// The workspace within it.
    pub workspace: Slug,
}

/// Not a slug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{SLUG_FORM}")]
pub struct InvalidSlug;

/// Not two slugs with a slash between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected organisation/workspace; of each: {SLUG_FORM}")]
pub struct InvalidWorkspaceName;

impl_text!(Slug);

impl Slug {
    /// `{slug}/`
    #[must_use]
    pub fn as_prefix(&self) -> Prefix {
        Prefix::of_slug(self)
    }
}

impl FromStr for Slug {
    type Err = InvalidSlug;

    fn from_str(text: &str) -> Result<Self, InvalidSlug> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let length = 1..=MAX_SLUG_CHARS;
        if length.contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSlug)
        }
    }
}

impl FromStr for WorkspaceName {
    type Err = InvalidWorkspaceName;

    fn from_str(text: &str) -> Result<Self, InvalidWorkspaceName> {
        let (organisation, workspace) = text.split_once('/').ok_or(InvalidWorkspaceName)?;
        Ok(Self {
            organisation: organisation.parse().map_err(|_| InvalidWorkspaceName)?,
            workspace: workspace.parse().map_err(|_| InvalidWorkspaceName)?,
        })
    }
}

impl fmt::Display for WorkspaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.organisation, self.workspace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_short_small_and_plain() {
        let longest = "a".repeat(63);
        for good in ["a", "0", "acme", "acme-evil", "a-", "1-2", &longest] {
            assert!(good.parse::<Slug>().is_ok(), "{good}");
        }
        let too_long = "a".repeat(64);
        for bad in [
            "", "-", "-a", "Acme", "a_b", "a.b", "a/b", "a b", "a*", "${a}", "..", "\u{e4}", "a\0",
            &too_long,
        ] {
            assert!(bad.parse::<Slug>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_workspace_is_named_with_its_organisation() {
        let name: WorkspaceName = "acme/research".parse().unwrap();
        assert_eq!(name.to_string(), "acme/research");
        for bad in [
            "acme",
            "/research",
            "acme/",
            "acme/a/b",
            "/acme/research",
            "acme/A",
        ] {
            assert!(bad.parse::<WorkspaceName>().is_err(), "{bad}");
        }
    }
}
