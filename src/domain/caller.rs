use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{ApiKeyId, CapabilityId, Membership, Owner, OwnerPseudonym, Principal, Scope, Slug};

/// Who is asking, as authentication proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A person or a workload, by a token.
    Token(TokenCaller),
    /// An organisation, by an API key.
    ApiKey(ApiKeyCaller),
}

/// The identity of a caller: limits count by it, and the audit trail shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CallerId {
    /// A person or a workload through a client.
    Principal(Principal),
    /// An API key.
    ApiKey(ApiKeyId),
    /// A capability token.
    Capability(CapabilityId),
    /// A person who was erased, as the audit trail still has them.
    Erased(OwnerPseudonym),
}

/// A person or a workload, proven by a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCaller {
    /// The person and the client.
    pub principal: Principal,
    /// The workspaces that the token opens by its claims.
    pub memberships: Vec<Membership>,
    /// When the token expires, if that is known.
    pub proof_expires: Option<DateTime<Utc>>,
    /// How long the caller's sessions last at most, if its issuer has a limit.
    pub max_session: Option<Duration>,
}

/// An organisation, proven by an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyCaller {
    /// The key's public part.
    pub api_key_id: ApiKeyId,
    /// The organisation that the key belongs to.
    pub organisation: Slug,
    /// Whether the key opens the organisation's storage.
    pub storage: bool,
    /// What else the key opens.
    pub scopes: Vec<Scope>,
    /// When the key expires, if it does.
    pub proof_expires: Option<DateTime<Utc>>,
}

impl Caller {
    /// The caller's identity.
    #[must_use]
    pub fn id(&self) -> CallerId {
        match self {
            Self::Token(caller) => CallerId::Principal(caller.principal.clone()),
            Self::ApiKey(caller) => CallerId::ApiKey(caller.api_key_id.clone()),
        }
    }

    /// The owner of the caller's own storage: the principal or the key's organisation.
    #[must_use]
    pub fn as_owner(&self) -> Owner {
        match self {
            Self::Token(caller) => Owner::Principal(caller.principal.clone()),
            Self::ApiKey(caller) => Owner::Organisation(caller.organisation.clone()),
        }
    }

    /// When the token or key expires, if that is known.
    #[must_use]
    pub fn proof_expires(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Token(caller) => caller.proof_expires,
            Self::ApiKey(caller) => caller.proof_expires,
        }
    }

    /// How long the caller's sessions last at most, if there is a limit of its own.
    #[must_use]
    pub fn max_session(&self) -> Option<Duration> {
        match self {
            Self::Token(caller) => caller.max_session,
            Self::ApiKey(_) => None,
        }
    }
}

impl CallerId {
    /// The kind, as the audit trail writes it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Principal(_) | Self::Erased(_) => "principal",
            Self::ApiKey(_) => "api-key",
            Self::Capability(_) => "capability",
        }
    }

    /// The identity within the kind, as unambiguous text.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Principal(principal) => principal.to_string(),
            Self::ApiKey(id) => id.to_string(),
            Self::Capability(id) => id.to_string(),
            Self::Erased(pseudonym) => pseudonym.to_string(),
        }
    }
}

impl fmt::Display for CallerId {
    /// As the audit trail names the caller.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.id())
    }
}
