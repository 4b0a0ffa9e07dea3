use std::fmt;
use std::str::FromStr;

use super::OwnerDigest;

/// As many hex digits as leave room for a request id in the 64 characters of a session name.
const DIGITS: usize = 31;

/// What logs and session names call an owner: the first 31 hex digits of the owner's digest. It is
/// the same for every session and log line of the owner's, and never a subject (docs/call.md).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnerPseudonym(String);

/// Not the pseudonym of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an owner's pseudonym: {DIGITS} of the digits 0-9 and a-f, as log lines have it")]
pub struct InvalidOwnerPseudonym;

impl OwnerDigest {
    /// The owner's name in logs and session names.
    #[must_use]
    pub fn pseudonym(&self) -> OwnerPseudonym {
        OwnerPseudonym(format!("{:.DIGITS$}", self.to_hex()))
    }
}

impl OwnerPseudonym {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OwnerPseudonym {
    type Err = InvalidOwnerPseudonym;

    fn from_str(text: &str) -> Result<Self, InvalidOwnerPseudonym> {
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let is_pseudonym = text.len() == DIGITS && text.bytes().all(is_digit);
        is_pseudonym
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidOwnerPseudonym)
    }
}

impl fmt::Display for OwnerPseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
