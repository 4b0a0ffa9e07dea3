use std::fmt;

use chrono::{DateTime, Utc};

use super::{ApiKeyId, CapabilityId, Membership, Owner, Principal, Scope, Slug};

/// What authentication proved: who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Whoever has an access token.
    Token(TokenHolder),
    /// Whoever has an API key.
    ApiKey(KeyHolder),
}

/// Which caller: calls of the same one are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CallerId {
    /// A person through a client.
    Principal(Principal),
    /// An API key.
    ApiKey(ApiKeyId),
    /// A capability token.
    Capability(CapabilityId),
}

/// A person through a client, by access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenHolder {
    /// The person and the client.
    pub principal: Principal,
    /// The workspaces that the token says the person is a member of.
    pub memberships: Vec<Membership>,
    /// When the token ends, where that is known.
    pub proof_expires: Option<DateTime<Utc>>,
}

/// Somebody of an organisation, by API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHolder {
    /// Which key.
    pub key: ApiKeyId,
    /// The organisation that it was made for.
    pub organisation: Slug,
    /// Whether it opens the organisation's storage.
    pub storage: bool,
    /// What else it opens.
    pub scopes: Vec<Scope>,
    /// When the key ends, if it does.
    pub proof_expires: Option<DateTime<Utc>>,
}

impl Caller {
    /// Which caller it is.
    #[must_use]
    pub fn id(&self) -> CallerId {
        match self {
            Self::Token(holder) => CallerId::Principal(holder.principal.clone()),
            Self::ApiKey(holder) => CallerId::ApiKey(holder.key.clone()),
        }
    }

    /// The owner of the caller's own storage: the person, or the key's organisation.
    #[must_use]
    pub fn as_owner(&self) -> Owner {
        match self {
            Self::Token(holder) => Owner::Principal(holder.principal.clone()),
            Self::ApiKey(holder) => Owner::Organisation(holder.organisation.clone()),
        }
    }

    /// When the proof of who is asking ends, where that is known.
    #[must_use]
    pub fn proof_expires(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Token(holder) => holder.proof_expires,
            Self::ApiKey(holder) => holder.proof_expires,
        }
    }
}

impl fmt::Display for Caller {
    /// As the audit trail names the caller.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(holder) => write!(f, "principal {}", holder.principal),
            Self::ApiKey(holder) => write!(f, "api-key {}", holder.key),
        }
    }
}
