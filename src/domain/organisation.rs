use chrono::{DateTime, Utc};

use super::{ApiKeyCaller, ApiKeyHash, ApiKeyId, Area, Scope, Slug, WorkspaceName};

/// An organisation, which asks for its storage by API key.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// Its name.
    pub slug: Slug,
    /// Its storage.
    pub area: Area,
    /// Whether credentials may be issued.
    pub is_enabled: bool,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// A workspace of an organisation, whose members ask for its storage by access token.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Its name.
    pub name: WorkspaceName,
    /// Its storage.
    pub area: Area,
    /// Whether its organisation is enabled.
    pub organisation_is_enabled: bool,
    /// When it was deleted, if it was. Its area stays reserved.
    pub deleted_at: Option<DateTime<Utc>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// An API key, as the registry holds it: its hash, never the key.
#[derive(Clone, Debug)]
pub struct RegisteredApiKey {
    /// Its public part.
    pub id: ApiKeyId,
    /// The hash of the key.
    pub hash: ApiKeyHash,
    /// The organisation that it belongs to.
    pub organisation: Slug,
    /// What the operator calls it.
    pub label: String,
    /// Whether it opens the organisation's storage.
    pub storage: bool,
    /// What else it opens.
    pub scopes: Vec<Scope>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it expires, if it does.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The hour in which it was used last.
    pub last_used: Option<DateTime<Utc>>,
}

impl RegisteredApiKey {
    /// The caller that a presented key authenticates.
    #[must_use]
    pub fn into_caller(self) -> ApiKeyCaller {
        ApiKeyCaller {
            api_key_id: self.id,
            organisation: self.organisation,
            storage: self.storage,
            scopes: self.scopes,
            proof_expires: self.expires_at,
        }
    }
}
