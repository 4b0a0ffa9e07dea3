use std::fmt;
use std::str::FromStr;

use crate::domain::text::{impl_text, is_hex};

const PREFIX: &str = "ak_";
const DIGITS: usize = 24;

/// The name of an access key: `ak_` and 24 hex digits. It is no secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccessKeyId(String);

/// Not the name of an access key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected ak_ and 24 hex digits, as `cloakroom access-key list` shows them")]
pub struct InvalidAccessKeyId;

/// The name of a capability token, its `jti` (RFC 7519 section 4.1.7): 32 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CapabilityId(String);

impl_text!(AccessKeyId);

impl AccessKeyId {
    /// Makes a name from random bits.
    #[must_use]
    pub fn from_random(bits: [u8; 16]) -> Self {
        let digits = hex::encode(bits);
        Self(format!("{PREFIX}{digits:.DIGITS$}"))
    }
}

impl FromStr for AccessKeyId {
    type Err = InvalidAccessKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidAccessKeyId> {
        let digits = text.strip_prefix(PREFIX).ok_or(InvalidAccessKeyId)?;
        if digits.len() == DIGITS && is_hex(digits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidAccessKeyId)
        }
    }
}

impl CapabilityId {
    /// Makes a name from random bits.
    #[must_use]
    pub fn from_random(bits: [u8; 16]) -> Self {
        Self(hex::encode(bits))
    }
}

impl fmt::Display for CapabilityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_recognised_by_its_form() {
        let id = AccessKeyId::from_random([0xab; 16]);
        assert_eq!(id.as_str(), "ak_abababababababababababab");
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        for bad in ["", "ak_", "ak_AB", &id.as_str()[..26], &format!("{id}0")] {
            assert_eq!(bad.parse::<AccessKeyId>(), Err(InvalidAccessKeyId), "{bad}");
        }
    }
}
