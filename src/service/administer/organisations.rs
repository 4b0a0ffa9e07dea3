use crate::domain::{Access, Area, Organisation, Owner, Slug};
use crate::service::{Added, Administration};

use super::{Administer, AdministerError, NewArea};

/// By convention an organisation sends into the one and reads from the other (docs/organisations.md).
const FOLDERS: [&str; 2] = ["Incoming/", "Outgoing/"];

impl Administer {
    /// Adds an organisation, its bucket and its folders. By default the bucket is its own and the
    /// prefix its name.
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
        let area = self.area(&owner, new, slug.as_prefix());
        self.must_be_free(&owner, &area).await?;
        self.take_bucket(&owner, &area.bucket, new.bucket.is_some())
            .await?;
        let organisation = Organisation {
            slug,
            area: area.clone(),
            is_enabled: true,
            created_at: self.ports.clock.now(),
        };
        let event = self.event("org create", owner.clone()).in_area(&area);
        let added = self
            .administration()
            .add_organisation(&organisation, &event)
            .await?;
        match added {
            Added::Yes => {}
            Added::NameTaken => return Err(AdministerError::Exists(owner)),
            Added::Reached => return Err(AdministerError::Reached(area.bucket)),
            Added::AreaTaken(owner) => return Err(AdministerError::AreaTaken { area, owner }),
        }
        // Only now: nothing is written into an area that has turned out to be another's.
        let shown = self.show_folders(&owner, &area).await;
        shown.map_err(|error| AdministerError::NoFolders(owner, Box::new(error)))?;
        Ok(organisation)
    }

    /// Enables or disables it, and says whether that was a change.
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
            self.ports
                .objects
                .show_folder(&session, &area.bucket, &key)
                .await?;
        }
        Ok(())
    }
}

/// The organisation of this name.
///
/// # Errors
///
/// [`AdministerError::NoSuch`] if there is none.
pub async fn find_organisation(
    administration: &dyn Administration,
    slug: &Slug,
) -> Result<Organisation, AdministerError> {
    let found = administration.organisation(slug).await?;
    found.ok_or_else(|| AdministerError::NoSuch(format!("organisation {slug}")))
}
