use chrono::{DateTime, Utc};

use super::{ApiKeyCaller, ApiKeyHash, ApiKeyId, Area, Scope, Slug, WorkspaceName};

/// An organisation, which asks for its storage by API key.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// Its name.
    pub slug: Slug,
    /// Its storage.
    pub area: Area,
    /// Whether anything of it is given out.
    pub is_enabled: bool,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// A workspace of an organisation, whose members ask for its storage by access token.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Its name.
    pub name: WorkspaceName,
    /// Its storage.
    pub area: Area,
    /// Whether anything of its organisation is given out.
    pub organisation_is_enabled: bool,
    /// Since when it is gone, if it is. Its area stays its own.
    pub deleted_at: Option<DateTime<Utc>>,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// An API key, as the registry holds it: never the key itself.
#[derive(Clone, Debug)]
pub struct RegisteredApiKey {
    /// Its public part.
    pub id: ApiKeyId,
    /// What the key is recognised by.
    pub hash: ApiKeyHash,
    /// Whose it is.
    pub organisation: Slug,
    /// What the operator calls it.
    pub label: String,
    /// Whether it opens the organisation's storage.
    pub storage: bool,
    /// What else it opens.
    pub scopes: Vec<Scope>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When it ends, if it does.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when it opens nothing, if so.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was used last, to the hour.
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
