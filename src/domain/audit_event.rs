use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::{AccessKeyOwner, Area, Owner, RequestId};

/// The longest name of an operator, in bytes.
const MAX_OPERATOR_BYTES: usize = 255;

/// What was changed, by an operator or on somebody's request, for the audit trail.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// When.
    pub time: DateTime<Utc>,
    /// The change's own name.
    pub request_id: RequestId,
    /// By which way.
    pub dialect: &'static str,
    /// Who.
    pub caller: String,
    /// What, as the command line says it: `org create`.
    pub action: &'static str,
    /// To whom.
    pub owner: Owner,
    /// Whose that is in turn, if it is an access key.
    pub access_key_owner: Option<AccessKeyOwner>,
    /// Where, if it is about storage.
    pub area: Option<Area>,
    /// With which key, if it is about one.
    pub key_id: Option<String>,
    /// The rest, as text; never a secret.
    pub detail: String,
}

/// Somebody who administers, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator(String);

/// No name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a name of at most {MAX_OPERATOR_BYTES} bytes without control characters")]
pub struct InvalidOperator;

impl FromStr for Operator {
    type Err = InvalidOperator;

    fn from_str(name: &str) -> Result<Self, InvalidOperator> {
        let length = 1..=MAX_OPERATOR_BYTES;
        if length.contains(&name.len()) && !name.chars().any(char::is_control) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidOperator)
        }
    }
}

impl fmt::Display for Operator {
    /// As the audit trail names whoever acts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operator {}", self.0)
    }
}
