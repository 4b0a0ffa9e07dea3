use std::fmt;

use chrono::{DateTime, Utc};

use super::Principal;

/// What authentication proved: who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The person and the client.
    pub principal: Principal,
    /// When the token that proved it ends, where that is known.
    pub proof_expires: Option<DateTime<Utc>>,
}

impl fmt::Display for Caller {
    /// As the audit trail names the caller.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "principal {}", self.principal)
    }
}
