use std::fmt;

use super::Principal;

/// Whose storage it is. Registry rows, buckets and limits belong to owners.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A person through a client.
    Principal(Principal),
}

/// The digest of an owner's message, which names the owner's bucket and its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OwnerDigest(pub(super) [u8; 32]);

impl Owner {
    /// The kind, as the registry's first column holds it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Principal(_) => "principal",
        }
    }

    /// The identity within the kind, as the registry's second column holds it: unambiguous text.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Principal(principal) => principal.to_string(),
        }
    }

    /// The fields of the message that the digest is taken of (contract section 5), without the
    /// namespace. No two owners share a message: no field holds a NUL, and each kind has its own
    /// number of fields.
    pub(super) fn message_fields(&self) -> Vec<&str> {
        match self {
            Self::Principal(Principal { client_id, subject }) => {
                vec![client_id.as_str(), subject.as_str()]
            }
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.id())
    }
}

impl OwnerDigest {
    /// 64 lower-case hex digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}
