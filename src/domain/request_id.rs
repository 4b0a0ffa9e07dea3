use std::fmt;

use uuid::Uuid;

/// The id of one request. It is in the answer's `X-Request-Id` and `instance`, in the log, in the audit
/// trail and, as part of the role session name, in the store's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

impl RequestId {
    /// Makes a version 4 UUID (RFC 9562 section 5.4) from random bits.
    #[must_use]
    pub fn from_random(bits: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bits).into_uuid())
    }

    /// The 32 hex digits without hyphens.
    #[must_use]
    pub fn digits(&self) -> String {
        self.0.simple().to_string()
    }

    /// `urn:uuid:…` (RFC 9562 section 4).
    #[must_use]
    pub fn urn(&self) -> String {
        self.0.urn().to_string()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}
