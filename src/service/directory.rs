use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    Access, ApiKeyHash, ApiKeyId, Area, AuditEvent, BucketName, ClientId, Member, Organisation,
    Owner, Principal, RegisteredApiKey, Session, Slug, Subject, Workspace, WorkspaceName,
};

use super::{RegistryError, UpstreamError};

/// Organisations, their keys and their workspaces, as requests ask for them.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The key of this name.
    async fn api_key(&self, id: &ApiKeyId) -> Result<Option<RegisteredApiKey>, RegistryError>;

    /// The hashes of those keys that are neither revoked nor expired now, at most so many: those
    /// used last.
    async fn live_api_keys(
        &self,
        now: DateTime<Utc>,
        at_most: u32,
    ) -> Result<Vec<ApiKeyHash>, RegistryError>;

    /// Writes down that the key was used in the hour that began then.
    async fn note_use(&self, id: &ApiKeyId, hour: DateTime<Utc>) -> Result<(), RegistryError>;

    /// The organisation of this name.
    async fn organisation(&self, slug: &Slug) -> Result<Option<Organisation>, RegistryError>;

    /// The workspace of this name, also when it is deleted.
    async fn workspace(&self, name: &WorkspaceName) -> Result<Option<Workspace>, RegistryError>;

    /// What the workspace lets this principal do, if anything.
    async fn membership(
        &self,
        name: &WorkspaceName,
        principal: &Principal,
    ) -> Result<Option<Access>, RegistryError>;
}

/// The same as operators change them. Each change and its row in the audit trail are written
/// together or not at all.
#[async_trait]
pub trait Administration: Directory {
    /// All of them, by name.
    async fn organisations(&self) -> Result<Vec<Organisation>, RegistryError>;

    /// All of them, or one organisation's, by name.
    async fn workspaces(&self, of: Option<&Slug>) -> Result<Vec<Workspace>, RegistryError>;

    /// Who may use the workspace.
    async fn members(&self, of: &WorkspaceName) -> Result<Vec<Member>, RegistryError>;

    /// All of them, or one organisation's, by age.
    async fn api_keys(&self, of: Option<&Slug>) -> Result<Vec<RegisteredApiKey>, RegistryError>;

    /// What is taken of the bucket, and whose it is.
    async fn areas(&self, bucket: &BucketName) -> Result<Vec<(Owner, Area)>, RegistryError>;

    /// Whether the bucket is or was some principal's.
    async fn is_principals(&self, bucket: &BucketName) -> Result<bool, RegistryError>;

    /// Writes the organisation down, unless its name or its area is taken.
    async fn add_organisation(
        &self,
        organisation: &Organisation,
        event: &AuditEvent,
    ) -> Result<Added, RegistryError>;

    /// Enables or disables it, unless it is so already.
    async fn set_enabled(
        &self,
        slug: &Slug,
        enabled: bool,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError>;

    /// Writes the key down.
    async fn add_api_key(
        &self,
        key: &RegisteredApiKey,
        event: &AuditEvent,
    ) -> Result<(), RegistryError>;

    /// Ends the key, unless it has ended.
    async fn revoke_api_key(
        &self,
        id: &ApiKeyId,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError>;

    /// Writes the workspace down, unless its name or its area is taken. One that was deleted comes
    /// back where it was.
    async fn add_workspace(
        &self,
        workspace: &Workspace,
        event: &AuditEvent,
    ) -> Result<Added, RegistryError>;

    /// Deletes it and forgets its members, unless that is done; its area stays its own.
    async fn delete_workspace(
        &self,
        name: &WorkspaceName,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError>;

    /// Adds a member, or changes what the member may do. `None` if there is no such workspace.
    async fn set_member(
        &self,
        name: &WorkspaceName,
        member: &Member,
        event: &AuditEvent,
    ) -> Result<Option<MemberChange>, RegistryError>;

    /// Removes the person, through this client or through all. Returns false if there is no such
    /// member.
    async fn remove_member(
        &self,
        name: &WorkspaceName,
        subject: &Subject,
        client_id: Option<&ClientId>,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError>;
}

/// What adding a member changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// The member is new.
    Added,
    /// The member had another access before.
    Changed {
        /// The access before.
        from: Access,
    },
    /// The member already had this access.
    Unchanged,
}

/// How the adding of an owner ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is there now.
    Yes,
    /// There is one of this name.
    NameTaken,
    /// Its area overlaps with this owner's.
    AreaTaken(Owner),
    /// An access key of another owner still reaches its bucket.
    Reached,
}

/// Objects of an area, through a session that is confined to it: the gateway's own identity need
/// not have rights on objects.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Makes an empty object of this key unless there is one, so that tools show a folder.
    async fn show_folder(
        &self,
        session: &Session,
        bucket: &BucketName,
        key: &str,
    ) -> Result<(), UpstreamError>;

    /// Whether the area holds any object.
    async fn any(&self, session: &Session, area: &Area) -> Result<bool, UpstreamError>;
}
