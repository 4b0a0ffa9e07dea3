use crate::domain::{ClientId, IssuerName, Member, Owner, Subject, Workspace, WorkspaceName};
use crate::service::MemberChange;

use super::areas::require_added;
use super::find::{deleted, find_living_workspace};
use super::removal::kept;
use super::{Administer, AdministerError, NewArea, find_organisation};

impl Administer {
    /// Adds a workspace and its bucket. By default it gets its own bucket, with its name as the
    /// prefix. A deleted workspace comes back where it was, without members.
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
            None => {
                self.must_not_be_removed(&owner).await?;
                wanted
            }
            Some(found) if found.deleted_at.is_none() => {
                return Err(AdministerError::Exists(owner));
            }
            Some(kept) => {
                let is_default = new.bucket.is_none() && new.prefix.is_none();
                if !is_default && wanted != kept.area {
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
            area,
            organisation_is_enabled: organisation.is_enabled,
            deleted_at: None,
            created_at: self.ports.clock.now(),
        };
        let area = &workspace.area;
        let event = self.event("workspace create", owner.clone()).in_area(area);
        let adding = self.administration();
        let added = adding.add_workspace(&workspace, &event).await?;
        require_added(added, &owner, area)?;
        Ok(workspace)
    }

    /// Deletes it, unless it holds objects and `keep_objects` is not set. Its area stays its own:
    /// sessions that were issued still reach it until they end.
    ///
    /// # Errors
    ///
    /// [`AdministerError::ObjectsRemain`], and [`AdministerError::NoSuch`] if there is none.
    pub async fn delete_workspace(
        &self,
        name: &WorkspaceName,
        keep_objects: bool,
    ) -> Result<Workspace, AdministerError> {
        let workspace = find_living_workspace(self.administration(), name).await?;
        let owner = Owner::Workspace(name.clone());
        let area = &workspace.area;
        if !keep_objects && self.has_objects(&owner, area, &[]).await? {
            return Err(AdministerError::ObjectsRemain(area.clone()));
        }
        let event = self.event("workspace delete", owner).in_area(area);
        let event = event.with_detail(kept(keep_objects));
        let deleting = self.administration().delete_workspace(name, &event);
        if !deleting.await? {
            return Err(deleted(name));
        }
        Ok(workspace)
    }

    /// Adds a member, or changes the member's access.
    ///
    /// # Errors
    ///
    /// [`AdministerError::NoSuch`] if there is no such workspace.
    pub async fn set_member(
        &self,
        name: &WorkspaceName,
        member: &Member,
    ) -> Result<MemberChange, AdministerError> {
        find_living_workspace(self.administration(), name).await?;
        let person = describe(
            member.issuer.as_ref(),
            &member.subject,
            member.client_id.as_ref(),
        );
        let event = self
            .event("workspace add-member", Owner::Workspace(name.clone()))
            .with_detail(format!("{person} {}", member.access.as_str()));
        let changed = self.administration().set_member(name, member, &event);
        changed.await?.ok_or_else(|| deleted(name))
    }

    /// Removes a person of this issuer (`oauth.issuer` if `None`), through this client or through all.
    ///
    /// # Errors
    ///
    /// [`AdministerError::NoSuch`] if there is no such workspace or member.
    pub async fn remove_member(
        &self,
        name: &WorkspaceName,
        issuer: Option<&IssuerName>,
        subject: &Subject,
        client_id: Option<&ClientId>,
    ) -> Result<(), AdministerError> {
        find_living_workspace(self.administration(), name).await?;
        let person = describe(issuer, subject, client_id);
        let event = self
            .event("workspace remove-member", Owner::Workspace(name.clone()))
            .with_detail(person.as_str());
        let administration = self.administration();
        let removing = administration.remove_member(name, issuer, subject, client_id, &event);
        if !removing.await? {
            let member = format!("member {person} of {name}");
            return Err(AdministerError::NoSuch(member));
        }
        Ok(())
    }
}

/// Unambiguous for every subject and client: the JSON of a principal, with `null` for any client.
fn describe(
    issuer: Option<&IssuerName>,
    subject: &Subject,
    client_id: Option<&ClientId>,
) -> String {
    let client_id = client_id.map(ClientId::as_str);
    match issuer {
        None => serde_json::json!([client_id, subject.as_str()]),
        Some(issuer) => serde_json::json!([issuer.as_str(), client_id, subject.as_str()]),
    }
    .to_string()
}
