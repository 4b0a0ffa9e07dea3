//! Members of workspaces.

use crate::domain::{ClientId, Member, WorkspaceName};
use crate::service::{MemberChange, RegistryError};

use super::change::Change;
use super::rows;
use super::statement::Statement;

/// The workspace's members.
pub(super) fn select_members(of: &WorkspaceName) -> Statement<'static> {
    sqlx::query(
        "SELECT subject, client_id, access FROM members \
         WHERE organisation = $1 AND workspace = $2 ORDER BY subject, client_id",
    )
    .bind(of.organisation.as_str())
    .bind(of.workspace.as_str())
}

/// Removes all members of the workspace.
pub(super) async fn remove_all(
    change: &mut Change,
    of: &WorkspaceName,
) -> Result<(), RegistryError> {
    let delete = sqlx::query("DELETE FROM members WHERE organisation = $1 AND workspace = $2")
        .bind(of.organisation.as_str())
        .bind(of.workspace.as_str());
    change.execute(delete).await?;
    Ok(())
}

/// Adds the member or changes its access, unless the member has this access through this client
/// already.
pub(super) async fn set(
    change: &mut Change,
    of: &WorkspaceName,
    member: &Member,
) -> Result<MemberChange, RegistryError> {
    let client_id = member.client_id.as_ref().map_or("", ClientId::as_str);
    let current = sqlx::query(
        "SELECT access FROM members \
         WHERE organisation = $1 AND workspace = $2 AND subject = $3 AND client_id = $4",
    )
    .bind(of.organisation.as_str())
    .bind(of.workspace.as_str())
    .bind(member.subject.as_str())
    .bind(client_id);
    let done = match change.row(current, rows::access).await? {
        None => MemberChange::Added,
        Some(access) if access == member.access => return Ok(MemberChange::Unchanged),
        Some(from) => MemberChange::Changed { from },
    };
    let upsert = sqlx::query(
        "INSERT INTO members (organisation, workspace, subject, client_id, access) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (organisation, workspace, subject, client_id) \
         DO UPDATE SET access = excluded.access",
    )
    .bind(of.organisation.as_str())
    .bind(of.workspace.as_str())
    .bind(member.subject.as_str())
    .bind(client_id)
    .bind(member.access.as_str());
    change.execute(upsert).await?;
    Ok(done)
}
