use crate::domain::{Access, Area, Organisation, Owner, Slug};

use super::areas::require_added;
use super::{Administer, AdministerError, NewArea, find_organisation};

/// By convention an organisation writes into one and reads from the other (docs/organisations.md).
pub(super) const FOLDERS: [&str; 2] = ["Incoming/", "Outgoing/"];

impl Administer {
    /// Adds an organisation, its bucket and its folders. By default it gets its own bucket, with its
    /// name as the prefix.
    ///
    /// # Errors
    ///
    /// [`AdministerError`] when the name or the area is taken, or the bucket cannot be had.
    pub async fn create_organisation(
        &self,
        slug: Slug,
        new: &NewArea,
    ) -> Result<Organisation, AdministerError> {
        let owner = Owner::Organisation(slug.clone());
        if self.administration().organisation(&slug).await?.is_some() {
            return Err(AdministerError::Exists(owner));
        }
        self.must_not_be_removed(&owner).await?;
        let area = self.area(&owner, new, slug.as_prefix());
        self.must_be_free(&owner, &area).await?;
        self.take_bucket(&owner, &area.bucket, new.bucket.is_some())
            .await?;
        let organisation = Organisation {
            slug,
            area,
            is_enabled: true,
            created_at: self.ports.clock.now(),
        };
        let area = &organisation.area;
        let event = self.event("org create", owner.clone()).in_area(area);
        let adding = self.administration();
        let added = adding.add_organisation(&organisation, &event).await?;
        require_added(added, &owner, area)?;
        // Only now: nothing is written into an area that turns out to be another's.
        let shown = self.show_folders(&owner, area).await;
        shown.map_err(|error| AdministerError::NoFolders(owner, Box::new(error)))?;
        Ok(organisation)
    }

    /// Enables or disables it. Returns whether that was a change.
    ///
    /// # Errors
    ///
    /// [`AdministerError::NoSuch`] if there is none.
    pub async fn set_enabled(&self, slug: &Slug, enabled: bool) -> Result<bool, AdministerError> {
        find_organisation(self.administration(), slug).await?;
        let action = if enabled { "org enable" } else { "org disable" };
        let event = self.event(action, Owner::Organisation(slug.clone()));
        let done = self.administration().set_enabled(slug, enabled, &event);
        Ok(done.await?)
    }

    async fn show_folders(&self, owner: &Owner, area: &Area) -> Result<(), AdministerError> {
        let session = self.open(owner, area, Access::ReadWrite).await?;
        for folder in FOLDERS {
            let key = format!("{}{folder}", area.prefix);
            let objects = &self.ports.objects;
            objects.show_folder(&session, &area.bucket, &key).await?;
        }
        Ok(())
    }
}
