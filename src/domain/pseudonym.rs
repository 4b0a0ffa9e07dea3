use std::str::FromStr;

use super::OwnerDigest;
use super::text::{impl_text, is_hex};

/// As many hex digits as a session name of 64 characters has beside a request id.
const DIGITS: usize = 31;

/// The name of an owner in logs and session names: the first 31 hex digits of the owner's digest. It is
/// always the same, and it does not show the subject (docs/call.md).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnerPseudonym(String);

/// Not the pseudonym of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an owner's pseudonym: {DIGITS} of the digits 0-9 and a-f, as log lines have it")]
pub struct InvalidOwnerPseudonym;

impl_text!(OwnerPseudonym);

impl OwnerDigest {
    /// The start of the digest.
    #[must_use]
    pub fn pseudonym(&self) -> OwnerPseudonym {
        OwnerPseudonym(format!("{:.DIGITS$}", self.to_hex()))
    }
}

impl FromStr for OwnerPseudonym {
    type Err = InvalidOwnerPseudonym;

    fn from_str(text: &str) -> Result<Self, InvalidOwnerPseudonym> {
        (text.len() == DIGITS && is_hex(text))
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidOwnerPseudonym)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BucketFormula, Owner};

    #[test]
    fn a_pseudonym_is_the_start_of_the_digest_and_can_be_read_back() {
        let owner = Owner::Organisation("acme".parse().unwrap());
        let digest = BucketFormula::default().digest(&owner);
        let pseudonym = digest.pseudonym();
        assert_eq!(pseudonym.as_str(), &digest.to_hex()[..31]);
        assert_eq!(pseudonym.to_string().parse(), Ok(pseudonym));
    }

    #[test]
    fn nothing_else_is_taken_for_a_pseudonym() {
        for text in [
            "",
            "acme",
            &"0".repeat(30),
            &"0".repeat(32),
            &"F".repeat(31),
        ] {
            assert_eq!(text.parse::<OwnerPseudonym>(), Err(InvalidOwnerPseudonym));
        }
    }
}
