use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;

use super::{
    Access, AccessKeyOwner, Area, BlockTarget, BucketName, CallerId, ClientId, Grant, Owner,
    Prefix, RequestId, Session, SessionTokenHash,
};

/// The longest name of an operator, in bytes.
const MAX_OPERATOR_BYTES: usize = 255;

/// One row of the audit trail: a session was issued, or something was changed. It never holds a
/// secret (docs/call.md).
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// Who asked for it, when and how.
    pub cause: AuditCause,
    /// [`AuditEvent::SESSION`], or the command that changes the same: `org create`.
    pub action: &'static str,
    /// Whom it is about: mostly whose storage.
    pub about: Concerned,
    /// Who owns the access key, if the event is about one.
    pub access_key_owner: Option<AccessKeyOwner>,
    /// Which bucket, if it is about storage.
    pub bucket: Option<BucketName>,
    /// Which part of the bucket, if not all of it.
    pub prefix: Option<Prefix>,
    /// What a session may do.
    pub access: Option<Access>,
    /// The id of the session's key, the key pair, the API key or the capability token.
    pub key_id: Option<String>,
    /// Finds a session by its token.
    pub session_token: Option<SessionTokenHash>,
    /// When a session ends.
    pub expiration: Option<DateTime<Utc>>,
    /// Further text.
    pub detail: String,
}

/// Whom an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concerned {
    /// The owner of storage.
    Owner(Owner),
    /// A caller, whosever storage they ask for.
    Caller(CallerId),
    /// Everyone who uses a client.
    Client(ClientId),
}

/// Who asked for what the audit trail records, when and how.
#[derive(Clone, Debug)]
pub struct AuditCause {
    /// When it happened.
    pub time: DateTime<Utc>,
    /// The request; a command gets an id, too.
    pub request_id: RequestId,
    /// The dialect of the request; `cli` for a command.
    pub dialect: &'static str,
    /// The caller or operator, as text.
    pub caller: String,
}

impl AuditEvent {
    /// The action of an issued session.
    pub const SESSION: &str = "vend";

    /// A session was issued to its owner.
    #[must_use]
    pub fn session(cause: AuditCause, owner: Owner, grant: &Grant, session: &Session) -> Self {
        let token = session.session_token.expose_secret();
        Self {
            bucket: Some(grant.bucket.clone()),
            prefix: grant.prefix.clone(),
            access: Some(grant.access),
            key_id: Some(session.access_key_id.clone()),
            session_token: SessionTokenHash::of(token.as_bytes()),
            expiration: Some(session.expiration),
            ..Self::change(cause, Self::SESSION, owner)
        }
    }

    /// Something was changed.
    #[must_use]
    pub fn change(cause: AuditCause, action: &'static str, about: impl Into<Concerned>) -> Self {
        Self {
            cause,
            action,
            about: about.into(),
            access_key_owner: None,
            bucket: None,
            prefix: None,
            access: None,
            key_id: None,
            session_token: None,
            expiration: None,
            detail: String::new(),
        }
    }

    /// Adds further text.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            ..self
        }
    }

    /// Sets the area that it is about.
    #[must_use]
    pub fn in_area(self, area: &Area) -> Self {
        Self {
            bucket: Some(area.bucket.clone()),
            prefix: Some(area.prefix.clone()),
            ..self
        }
    }
}

impl Concerned {
    /// The kind, as the audit trail writes it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Owner(owner) => owner.kind(),
            Self::Caller(caller) => caller.kind(),
            Self::Client(_) => "client",
        }
    }

    /// The identity within the kind, as unambiguous text.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Owner(owner) => owner.id(),
            Self::Caller(caller) => caller.id(),
            Self::Client(client_id) => client_id.as_str().to_owned(),
        }
    }
}

impl From<Owner> for Concerned {
    fn from(owner: Owner) -> Self {
        Self::Owner(owner)
    }
}

impl From<&BlockTarget> for Concerned {
    fn from(target: &BlockTarget) -> Self {
        match target {
            BlockTarget::Owner(owner) => Self::Owner(owner.clone()),
            BlockTarget::Caller(caller) => Self::Caller(caller.clone()),
            BlockTarget::Client(client_id) => Self::Client(client_id.clone()),
        }
    }
}

/// An operator's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator(String);

/// The text is not an operator's name.
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
    /// As the audit trail names the caller.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operator {}", self.0)
    }
}
