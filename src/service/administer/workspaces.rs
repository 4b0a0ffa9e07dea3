use crate::domain::{Access, ClientId, Member, Owner, Subject, Workspace, WorkspaceName};
use crate::service::{Added, Administration, MemberChange};

use super::{Administer, AdministerError, NewArea, find_organisation};

impl Administer {
    /// Adds a workspace and its bucket. By default the bucket is its own and the prefix its name.
    /// One that was deleted comes back where it was, without members.
    ///
    /// # Errors
    ///
    /// [`AdministerError`] when the name or the area is taken, or the bucket cannot be had.
    pub async fn create_workspace(
        &self,
        name: WorkspaceName,
        new: &NewArea,
    ) -> Result<Workspace, AdministerError> {
        let organisation = find_organisation(self.administration(), &name.organisation).await?;
        let owner = Owner::Workspace(name.clone());
        let wanted = self.area(&owner, new, name.workspace.as_prefix());
        let area = match self.administration().workspace(&name).await? {
            None => wanted,
            Some(found) if found.deleted_at.is_none() => {
                return Err(AdministerError::Exists(owner));
            }
            Some(kept) => {
                let says_otherwise = (new.bucket.is_some() || new.prefix.is_some())
                    && (wanted.bucket != kept.area.bucket || wanted.prefix != kept.area.prefix);
                if says_otherwise {
                    let area = kept.area;
                    return Err(AdministerError::KeptElsewhere { owner, area });
                }
                kept.area
            }
        };
        self.must_be_free(&owner, &area).await?;
        self.take_bucket(&owner, &area.bucket, new.bucket.is_some())
            .await?;
        let workspace = Workspace {
            name,
            area: area.clone(),
            organisation_is_enabled: organisation.is_enabled,
            deleted_at: None,
            created_at: self.ports.clock.now(),
        };
        let event = self.event("workspace create", owner.clone()).in_area(&area);
        let added = self
            .administration()
            .add_workspace(&workspace, &event)
            .await?;
        match added {
            Added::Yes => Ok(workspace),
            Added::NameTaken => Err(AdministerError::Exists(owner)),
            Added::Reached => Err(AdministerError::Reached(area.bucket)),
            Added::AreaTaken(owner) => Err(AdministerError::AreaTaken { area, owner }),
        }
    }

    /// Deletes it, unless it holds objects that nobody has said to keep. Its area stays its own:
    /// sessions that are out still reach it until they end.
    ///
    /// # Errors
    ///
    /// [`AdministerError::ObjectsRemain`], and [`AdministerError::NoSuch`] if there is none.
    pub async fn delete_workspace(
        &self,
        name: &WorkspaceName,
        keep_objects: bool,
    ) -> Result<Workspace, AdministerError> {
        let workspace = self.living(name).await?;
        let owner = Owner::Workspace(name.clone());
        let area = &workspace.area;
        if !keep_objects {
            let session = self.open(&owner, area, Access::Read).await?;
            if self.ports.objects.any(&session, area).await? {
                return Err(AdministerError::ObjectsRemain(area.clone()));
            }
        }
        let mut event = self.event("workspace delete", owner).in_area(area);
        if keep_objects {
            event.detail.push_str("objects kept");
        }
        let deleted = self.administration().delete_workspace(name, &event);
        if !deleted.await? {
            return Err(gone(name));
        }
        Ok(workspace)
    }

    /// Adds a member, or changes what the member may do.
    ///
    /// # Errors
    ///
    /// [`AdministerError::NoSuch`] if there is no such workspace.
    pub async fn set_member(
        &self,
        name: &WorkspaceName,
        member: &Member,
    ) -> Result<MemberChange, AdministerError> {
        self.living(name).await?;
        let mut event = self.event("workspace add-member", owner(name));
        let access = member.access.as_str();
        let who = who(&member.subject, member.client_id.as_ref());
        event.detail = format!("{who} {access}");
        let changed = self.administration().set_member(name, member, &event);
        changed.await?.ok_or_else(|| gone(name))
    }

    /// Removes a person, through this client or through all.
    ///
    /// # Errors
    ///
    /// [`AdministerError::NoSuch`] if there is no such workspace or member.
    pub async fn remove_member(
        &self,
        name: &WorkspaceName,
        subject: &Subject,
        client_id: Option<&ClientId>,
    ) -> Result<(), AdministerError> {
        self.living(name).await?;
        let mut event = self.event("workspace remove-member", owner(name));
        event.detail = who(subject, client_id);
        let removed = self
            .administration()
            .remove_member(name, subject, client_id, &event)
            .await?;
        if !removed {
            let who = who(subject, client_id);
            return Err(AdministerError::NoSuch(format!("member {who} of {name}")));
        }
        Ok(())
    }

    async fn living(&self, name: &WorkspaceName) -> Result<Workspace, AdministerError> {
        let workspace = find_workspace(self.administration(), name).await?;
        if workspace.deleted_at.is_some() {
            return Err(gone(name));
        }
        Ok(workspace)
    }
}

/// The workspace of this name, also when it is deleted.
///
/// # Errors
///
/// [`AdministerError::NoSuch`] if there has never been one.
pub async fn find_workspace(
    administration: &dyn Administration,
    name: &WorkspaceName,
) -> Result<Workspace, AdministerError> {
    let found = administration.workspace(name).await?;
    found.ok_or_else(|| AdministerError::NoSuch(format!("workspace {name}")))
}

fn gone(name: &WorkspaceName) -> AdministerError {
    AdministerError::NoSuch(format!("workspace {name}: it is deleted"))
}

fn owner(name: &WorkspaceName) -> Owner {
    Owner::Workspace(name.clone())
}

/// Unambiguous whatever the two hold: JSON, as principals are written elsewhere; `null` is any
/// client.
fn who(subject: &Subject, client_id: Option<&ClientId>) -> String {
    let client_id = client_id.map(ClientId::as_str);
    serde_json::json!([client_id, subject.as_str()]).to_string()
}
