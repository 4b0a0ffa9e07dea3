use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    Access, ApiKeyHash, ApiKeyId, Member, Organisation, Principal, RegisteredApiKey, Slug,
    Workspace, WorkspaceName,
};
use crate::service::{Directory, MemberWorkspace, RegistryError};

/// A directory of what the test puts in.
#[derive(Default)]
pub(crate) struct FakeDirectory {
    pub(crate) organisations: Vec<Organisation>,
    pub(crate) workspaces: Vec<Workspace>,
    pub(crate) members: Vec<(WorkspaceName, Member)>,
    pub(crate) api_keys: Vec<RegisteredApiKey>,
    /// How often an API key was looked up.
    pub(crate) lookups: AtomicUsize,
    /// The hashes of the live API keys. Reading them fails if there is no list.
    pub(crate) live_keys: Mutex<Option<Vec<ApiKeyHash>>>,
    /// Whether questions about workspaces hang.
    pub(crate) hangs: bool,
}

#[async_trait]
impl Directory for FakeDirectory {
    async fn api_key(&self, id: &ApiKeyId) -> Result<Option<RegisteredApiKey>, RegistryError> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        Ok(self.api_keys.iter().find(|key| key.id == *id).cloned())
    }

    async fn live_api_keys(
        &self,
        _: DateTime<Utc>,
        _: u32,
    ) -> Result<Vec<ApiKeyHash>, RegistryError> {
        let keys = self.live_keys.lock().unwrap().clone();
        keys.ok_or_else(|| RegistryError::new("away"))
    }

    async fn note_use(&self, _: &ApiKeyId, _: DateTime<Utc>) -> Result<(), RegistryError> {
        Ok(())
    }

    async fn organisation(&self, slug: &Slug) -> Result<Option<Organisation>, RegistryError> {
        let mut all = self.organisations.iter();
        Ok(all.find(|organisation| organisation.slug == *slug).cloned())
    }

    async fn workspace(&self, name: &WorkspaceName) -> Result<Option<Workspace>, RegistryError> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        let mut all = self.workspaces.iter();
        Ok(all.find(|workspace| workspace.name == *name).cloned())
    }

    async fn membership(
        &self,
        name: &WorkspaceName,
        principal: &Principal,
    ) -> Result<Option<Access>, RegistryError> {
        let theirs = self.members.iter();
        let theirs = theirs.filter(|(workspace, member)| workspace == name && member.is(principal));
        Ok(theirs.map(|(_, member)| member.access).max())
    }

    async fn workspaces_of(
        &self,
        principal: &Principal,
        claimed: &[&WorkspaceName],
        after: Option<&WorkspaceName>,
        at_most: usize,
    ) -> Result<Vec<MemberWorkspace>, RegistryError> {
        let mut found = Vec::new();
        for workspace in &self.workspaces {
            let name = &workspace.name;
            let registered = self.membership(name, principal).await?;
            let is_theirs = registered.is_some() || claimed.contains(&name);
            let is_open = workspace.organisation_is_enabled && workspace.deleted_at.is_none();
            let is_later = after.is_none_or(|after| name.to_string() > after.to_string());
            if is_theirs && is_open && is_later {
                found.push(MemberWorkspace {
                    workspace: workspace.clone(),
                    registered,
                    is_made: false,
                });
            }
        }
        found.sort_by_key(|found| found.workspace.name.to_string());
        found.truncate(at_most);
        Ok(found)
    }
}
