use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::{CallerId, ClientId, Owner};

/// The longest reason, in bytes.
const MAX_REASON_BYTES: usize = 255;

/// Whom an operator has blocked: nothing is issued to them (`cloakroom block`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockTarget {
    /// Everyone who asks for this owner's storage.
    Owner(Owner),
    /// This caller, whosever storage they ask for.
    Caller(CallerId),
    /// Everyone who uses this client.
    Client(ClientId),
}

/// A block, and why it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Whom it is for.
    pub target: BlockTarget,
    /// Why, for the log and the audit trail. The caller does not see it.
    pub reason: BlockReason,
    /// When it ends, if it does.
    pub until: Option<DateTime<Utc>>,
}

/// Why someone is blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockReason(String);

/// The text is not a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to {MAX_REASON_BYTES} bytes without control characters")]
pub struct InvalidBlockReason;

impl BlockTarget {
    /// The kind, as the registry and the command line write it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Owner(_) => "owner",
            Self::Caller(_) => "caller",
            Self::Client(_) => "client",
        }
    }

    /// The name within the kind, as the audit trail has it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Owner(owner) => owner.to_string(),
            Self::Caller(caller) => caller.to_string(),
            Self::Client(client) => client.as_str().to_owned(),
        }
    }
}

impl fmt::Display for BlockTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.name())
    }
}

impl BlockReason {
    /// The reason as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BlockReason {
    type Err = InvalidBlockReason;

    fn from_str(text: &str) -> Result<Self, InvalidBlockReason> {
        let is_valid =
            (1..=MAX_REASON_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
        is_valid
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidBlockReason)
    }
}

impl fmt::Display for BlockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
