use std::fmt;

use chrono::{DateTime, Utc};

use super::{ApiKeyId, CapabilityId, Membership, Owner, Principal, Scope, Slug};

/// What authentication proved: who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Whoever has an access token.
    Token(TokenCaller),
    /// Whoever has an API key.
    ApiKey(ApiKeyCaller),
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
pub struct TokenCaller {
    /// The person and the client.
    pub principal: Principal,
    /// The workspaces that the token says the person is a member of.
    pub memberships: Vec<Membership>,
    /// When the token ends, where that is known.
    pub proof_expires: Option<DateTime<Utc>>,
}

/// Somebody of an organisation, by API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyCaller {
    /// Which key.
    pub api_key_id: ApiKeyId,
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
            Self::Token(caller) => CallerId::Principal(caller.principal.clone()),
            Self::ApiKey(caller) => CallerId::ApiKey(caller.api_key_id.clone()),
        }
    }

    /// The owner of the caller's own storage: the person, or the key's organisation.
    #[must_use]
    pub fn as_owner(&self) -> Owner {
        match self {
            Self::Token(caller) => Owner::Principal(caller.principal.clone()),
            Self::ApiKey(caller) => Owner::Organisation(caller.organisation.clone()),
        }
    }

    /// When the proof of who is asking ends, where that is known.
    #[must_use]
    pub fn proof_expires(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Token(caller) => caller.proof_expires,
            Self::ApiKey(caller) => caller.proof_expires,
        }
    }
}

impl fmt::Display for Caller {
    /// As the audit trail names the caller.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(caller) => write!(f, "principal {}", caller.principal),
            Self::ApiKey(caller) => write!(f, "api-key {}", caller.api_key_id),
        }
    }
}
