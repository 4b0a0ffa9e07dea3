use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    Access, ApiKeyHash, ApiKeyId, Area, AuditEvent, BucketName, ClientId, IssuerName, Member,
    Organisation, Owner, Principal, RegisteredApiKey, Session, Slug, Subject, Workspace,
    WorkspaceName,
};

use super::{AccessKeyRegistry, Blocks, RegistryError, Reservations, UpstreamError};

/// Organisations, their API keys and their workspaces, as requests look them up.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The key with this id.
    async fn api_key(&self, id: &ApiKeyId) -> Result<Option<RegisteredApiKey>, RegistryError>;

    /// The hashes of keys that are neither revoked nor expired, at most so many: the most recently
    /// used.
    async fn live_api_keys(
        &self,
        now: DateTime<Utc>,
        at_most: u32,
    ) -> Result<Vec<ApiKeyHash>, RegistryError>;

    /// Records that the key was used in the hour that began then.
    async fn note_use(&self, id: &ApiKeyId, hour: DateTime<Utc>) -> Result<(), RegistryError>;

    /// The organisation with this name.
    async fn organisation(&self, slug: &Slug) -> Result<Option<Organisation>, RegistryError>;

    /// The workspace with this name, even if it is deleted.
    async fn workspace(&self, name: &WorkspaceName) -> Result<Option<Workspace>, RegistryError>;

    /// The principal's access to the workspace, if any.
    async fn membership(
        &self,
        name: &WorkspaceName,
        principal: &Principal,
    ) -> Result<Option<Access>, RegistryError>;

    /// The workspaces of enabled organisations that the principal is a member of, and those among
    /// `claimed`, by name: those after `after`, at most so many.
    async fn workspaces_of(
        &self,
        principal: &Principal,
        claimed: &[&WorkspaceName],
        after: Option<&WorkspaceName>,
        at_most: usize,
    ) -> Result<Vec<MemberWorkspace>, RegistryError>;
}

/// A workspace as one principal sees it.
#[derive(Clone, Debug)]
pub struct MemberWorkspace {
    /// The workspace.
    pub workspace: Workspace,
    /// The principal's access by the registry, if any.
    pub registered: Option<Access>,
    /// Whether its bucket was made.
    pub is_made: bool,
}

/// What operators read and change: organisations, API keys and workspaces, with reservations, access
/// keys and blocks. Each change is written together with its row of the audit trail, or not at all.
#[async_trait]
pub trait Administration: Directory + Reservations + AccessKeyRegistry + Blocks {
    /// All organisations, by name.
    async fn organisations(&self) -> Result<Vec<Organisation>, RegistryError>;

    /// All workspaces, or one organisation's, by name.
    async fn workspaces(&self, of: Option<&Slug>) -> Result<Vec<Workspace>, RegistryError>;

    /// The workspace's members.
    async fn members(&self, of: &WorkspaceName) -> Result<Vec<Member>, RegistryError>;

    /// All API keys, or one organisation's, by age.
    async fn api_keys(&self, of: Option<&Slug>) -> Result<Vec<RegisteredApiKey>, RegistryError>;

    /// The bucket's areas and their owners.
    async fn areas(&self, bucket: &BucketName) -> Result<Vec<(Owner, Area)>, RegistryError>;

    /// All areas and their owners, those removed for good included.
    async fn all_areas(&self) -> Result<Vec<(Owner, Area)>, RegistryError>;

    /// The owner's area, even if the owner was removed for good.
    async fn area_of(&self, owner: &Owner) -> Result<Option<Area>, RegistryError>;

    /// Whether the bucket is or was a principal's.
    async fn is_principals(&self, bucket: &BucketName) -> Result<bool, RegistryError>;

    /// Adds the organisation, unless its name or its area is or was taken.
    async fn add_organisation(
        &self,
        organisation: &Organisation,
        event: &AuditEvent,
    ) -> Result<Added, RegistryError>;

    /// Enables or disables the organisation. Returns whether that was a change.
    async fn set_enabled(
        &self,
        slug: &Slug,
        enabled: bool,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError>;

    /// Deletes the organisation and its ended API keys, unless it has more. Its area stays its own.
    async fn delete_organisation(
        &self,
        slug: &Slug,
        event: &AuditEvent,
    ) -> Result<OrganisationRemoval, RegistryError>;

    /// Adds the key.
    async fn add_api_key(
        &self,
        key: &RegisteredApiKey,
        event: &AuditEvent,
    ) -> Result<(), RegistryError>;

    /// Revokes the key. Returns whether that was a change.
    async fn revoke_api_key(
        &self,
        id: &ApiKeyId,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError>;

    /// Adds the workspace, unless its name or its area is taken. A deleted one comes back where it
    /// was.
    async fn add_workspace(
        &self,
        workspace: &Workspace,
        event: &AuditEvent,
    ) -> Result<Added, RegistryError>;

    /// Deletes the workspace and its members; its area stays its own. Returns whether that was a
    /// change.
    async fn delete_workspace(
        &self,
        name: &WorkspaceName,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError>;

    /// Removes the deleted workspace; its area stays its own. Returns false if there is no such deleted
    /// workspace.
    async fn purge_workspace(
        &self,
        name: &WorkspaceName,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError>;

    /// Adds a member, or changes the member's access. `None` if there is no such workspace.
    async fn set_member(
        &self,
        name: &WorkspaceName,
        member: &Member,
        event: &AuditEvent,
    ) -> Result<Option<MemberChange>, RegistryError>;

    /// Removes the person of this issuer (`oauth.issuer` if `None`), through this client or through
    /// all. Returns false if there is no such member.
    async fn remove_member(
        &self,
        name: &WorkspaceName,
        issuer: Option<&IssuerName>,
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

/// The outcome of adding an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// The owner was added.
    Yes,
    /// The name is taken.
    NameTaken,
    /// The owner was removed for good, and had this area.
    Removed(Area),
    /// The area overlaps with this owner's.
    AreaTaken(Owner),
    /// An access key of another owner still reaches the bucket.
    Reached,
}

/// The outcome of deleting an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganisationRemoval {
    /// It was deleted.
    Done,
    /// There is no such organisation.
    NoSuch,
    /// It has workspaces, live API keys or access keys.
    HasMore,
}

/// The objects of an area, through a session that is confined to it: the gateway's own identity
/// needs no rights on objects.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Creates an empty object with this key unless there is one, so that tools show a folder.
    async fn show_folder(
        &self,
        session: &Session,
        bucket: &BucketName,
        key: &str,
    ) -> Result<(), UpstreamError>;

    /// Whether the area holds any object besides those with these keys.
    async fn any(
        &self,
        session: &Session,
        area: &Area,
        besides: &[String],
    ) -> Result<bool, UpstreamError>;
}
