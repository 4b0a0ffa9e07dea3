//! Organisations and workspaces are removed for good: neither a name nor an area is given out again.

use crate::domain::{
    Access, AccessKeyId, AccessKeyOwner, ApiKeyId, Area, Organisation, Owner, Slug, Workspace,
    WorkspaceName,
};
use crate::service::OrganisationRemoval;

use super::holdings::{Holdings, StillHas};
use super::organisations::FOLDERS;
use super::{Administer, AdministerError, find_organisation, find_workspace};

/// What goes with an organisation that is deleted.
#[derive(Clone, Copy, Debug, Default)]
pub struct GoesAlong {
    /// Its workspaces are deleted and purged.
    pub workspaces: bool,
    /// Its API keys are revoked, and its access keys deleted.
    pub keys: bool,
    /// Objects do not matter. They stay at the store, where no owner reaches them.
    pub objects: bool,
}

impl Administer {
    /// Deletes the organisation for good. What it has must be gone, or go along.
    ///
    /// # Errors
    ///
    /// [`AdministerError::StillHas`], and [`AdministerError::NoSuch`] if there is none.
    pub async fn delete_organisation(
        &self,
        slug: &Slug,
        along: GoesAlong,
    ) -> Result<Organisation, AdministerError> {
        let organisation = find_organisation(self.administration(), slug).await?;
        let workspaces = self.administration().workspaces(Some(slug)).await?;
        let holdings = self.in_the_way(&organisation, &workspaces, along).await?;
        if !holdings.is_empty() {
            return Err(AdministerError::StillHas(StillHas {
                organisation: organisation.slug,
                holdings,
            }));
        }
        for workspace in &workspaces {
            if workspace.deleted_at.is_none() {
                self.delete_workspace(&workspace.name, along.objects)
                    .await?;
            }
            self.purge(workspace, along.objects).await?;
        }
        if along.keys {
            self.end_keys(slug).await?;
        }
        let event = self.event("org delete", Owner::Organisation(slug.clone()));
        let event = event.in_area(&organisation.area);
        let event = event.with_detail(kept(along.objects));
        let deleting = self.administration().delete_organisation(slug, &event);
        match deleting.await? {
            OrganisationRemoval::Done => Ok(organisation),
            OrganisationRemoval::NoSuch => {
                Err(AdministerError::NoSuch(format!("organisation {slug}")))
            }
            OrganisationRemoval::HasMore => Err(AdministerError::Internal(format!(
                "organisation {slug} got another workspace or key meanwhile: try again"
            ))),
        }
    }

    /// Removes a deleted workspace, which holds no objects, for good.
    ///
    /// # Errors
    ///
    /// [`AdministerError::NotDeleted`], [`AdministerError::ObjectsToErase`], and
    /// [`AdministerError::NoSuch`] if there is none.
    pub async fn purge_workspace(
        &self,
        name: &WorkspaceName,
    ) -> Result<Workspace, AdministerError> {
        let workspace = find_workspace(self.administration(), name).await?;
        if workspace.deleted_at.is_none() {
            return Err(AdministerError::NotDeleted(name.clone()));
        }
        let owner = Owner::Workspace(name.clone());
        if self.has_objects(&owner, &workspace.area, &[]).await? {
            let area = workspace.area;
            return Err(AdministerError::ObjectsToErase { owner, area });
        }
        self.purge(&workspace, false).await?;
        Ok(workspace)
    }

    async fn purge(
        &self,
        workspace: &Workspace,
        keep_objects: bool,
    ) -> Result<(), AdministerError> {
        let name = &workspace.name;
        let event = self.event("workspace purge", Owner::Workspace(name.clone()));
        let event = event
            .in_area(&workspace.area)
            .with_detail(kept(keep_objects));
        if self.administration().purge_workspace(name, &event).await? {
            Ok(())
        } else {
            Err(AdministerError::NoSuch(format!("deleted workspace {name}")))
        }
    }

    /// What the organisation has and what does not go along.
    async fn in_the_way(
        &self,
        organisation: &Organisation,
        workspaces: &[Workspace],
        along: GoesAlong,
    ) -> Result<Holdings, AdministerError> {
        let mut holdings = Holdings::default();
        let slug = &organisation.slug;
        if !along.workspaces {
            let names = workspaces.iter().map(|workspace| workspace.name.clone());
            holdings.workspaces = names.collect();
        }
        if !along.keys {
            holdings.api_keys = self.live_api_keys(slug).await?.len();
            holdings.access_keys = self.access_keys_of(slug).await?.len();
        }
        if along.objects {
            return Ok(holdings);
        }
        let prefix = &organisation.area.prefix;
        let folders = FOLDERS.map(|folder| format!("{prefix}{folder}"));
        let owner = Owner::Organisation(slug.clone());
        if self
            .has_objects(&owner, &organisation.area, &folders)
            .await?
        {
            holdings.objects.push(organisation.area.clone());
        }
        for workspace in workspaces.iter().filter(|_| along.workspaces) {
            let owner = Owner::Workspace(workspace.name.clone());
            if self.has_objects(&owner, &workspace.area, &[]).await? {
                holdings.objects.push(workspace.area.clone());
            }
        }
        Ok(holdings)
    }

    /// Whether the area holds objects besides those with these keys.
    pub(super) async fn has_objects(
        &self,
        owner: &Owner,
        area: &Area,
        besides: &[String],
    ) -> Result<bool, AdministerError> {
        let session = self.open(owner, area, Access::Read).await?;
        let objects = &self.ports.objects;
        Ok(objects.any(&session, area, besides).await?)
    }

    async fn end_keys(&self, of: &Slug) -> Result<(), AdministerError> {
        for id in self.live_api_keys(of).await? {
            self.revoke_key(&id).await?;
        }
        for id in self.access_keys_of(of).await? {
            self.delete_access_key(&id).await?;
        }
        Ok(())
    }

    async fn live_api_keys(&self, of: &Slug) -> Result<Vec<ApiKeyId>, AdministerError> {
        let now = self.ports.clock.now();
        let mut keys = self.administration().api_keys(Some(of)).await?;
        keys.retain(|key| key.revoked_at.is_none() && key.expires_at.is_none_or(|end| end > now));
        Ok(keys.into_iter().map(|key| key.id).collect())
    }

    async fn access_keys_of(&self, of: &Slug) -> Result<Vec<AccessKeyId>, AdministerError> {
        let owner = AccessKeyOwner::Organisation(of.clone());
        let mut keys = self.administration().access_keys().await?;
        keys.retain(|key| key.owner == owner);
        Ok(keys.into_iter().map(|key| key.id).collect())
    }
}

/// The detail of an audit event.
pub(super) fn kept(objects: bool) -> &'static str {
    if objects { "objects kept" } else { "" }
}
