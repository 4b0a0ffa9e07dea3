//! Organisations and workspaces are removed for good. Their areas stay on record: no other owner gets
//! them (see [`areas`](super::areas)).

use crate::domain::{AuditEvent, Slug, WorkspaceName};
use crate::service::{OrganisationRemoval, RegistryError};

use super::Database;
use super::change::Change;
use super::members;
use super::rows::utc;

/// What an organisation may not have when it is deleted.
const HELD: &str = "SELECT 1 FROM workspaces WHERE organisation = $1 \
     UNION ALL SELECT 1 FROM api_keys WHERE organisation = $1 AND revoked_at = '' \
     AND (expires_at = '' OR expires_at > $2) \
     UNION ALL SELECT 1 FROM access_keys \
     WHERE owner_kind = 'organisation' AND owner_id = $1 AND deleted_at = ''";

/// Deletes the organisation and its ended API keys, unless it has more. No area is given out and no
/// access key added meanwhile.
pub(super) async fn delete_organisation(
    database: &Database,
    slug: &Slug,
    event: &AuditEvent,
) -> Result<OrganisationRemoval, RegistryError> {
    let mut change = Change::begin_keeping_owners(database, "organisation").await?;
    let held = sqlx::query(HELD)
        .bind(slug.as_str())
        .bind(utc(event.cause.time));
    if change.row(held, |_| Ok(())).await?.is_some() {
        change.roll_back().await?;
        return Ok(OrganisationRemoval::HasMore);
    }
    let keys = sqlx::query("DELETE FROM api_keys WHERE organisation = $1").bind(slug.as_str());
    change.execute(keys).await?;
    let row = sqlx::query("DELETE FROM organisations WHERE slug = $1").bind(slug.as_str());
    if change.execute(row).await? == 0 {
        change.roll_back().await?;
        return Ok(OrganisationRemoval::NoSuch);
    }
    change.commit_with(event).await?;
    Ok(OrganisationRemoval::Done)
}

/// Removes the deleted workspace. Returns false if there is no such deleted workspace.
pub(super) async fn purge_workspace(
    database: &Database,
    name: &WorkspaceName,
    event: &AuditEvent,
) -> Result<bool, RegistryError> {
    let mut change = Change::begin_keeping_owners(database, "workspace").await?;
    members::remove_all(&mut change, name).await?;
    let delete = sqlx::query(
        "DELETE FROM workspaces WHERE organisation = $1 AND slug = $2 AND deleted_at <> ''",
    )
    .bind(name.organisation.as_str())
    .bind(name.workspace.as_str());
    if change.execute(delete).await? == 0 {
        change.roll_back().await?;
        return Ok(false);
    }
    change.commit_with(event).await?;
    Ok(true)
}
