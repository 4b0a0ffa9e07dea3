//! Members of workspaces. Those of named issuers are in a table of their own.

use sqlx::any::AnyRow;

use crate::domain::{Access, ClientId, IssuerName, Member, Principal, Subject, WorkspaceName};
use crate::service::{MemberChange, RegistryError};

use super::Database;
use super::change::Change;
use super::rows;
use super::statement::Statement;

/// The workspace's members.
pub(super) fn select_members(of: &WorkspaceName) -> Statement<'static> {
    sqlx::query(
        "SELECT '' AS issuer, subject, client_id, access FROM members \
         WHERE organisation = $1 AND workspace = $2 \
         UNION ALL SELECT issuer, subject, client_id, access FROM issuer_members \
         WHERE organisation = $1 AND workspace = $2 ORDER BY 1, 2, 3",
    )
    .bind(of.organisation.as_str())
    .bind(of.workspace.as_str())
}

/// The principal's access to the workspace, if any.
pub(super) async fn access(
    database: &Database,
    of: &WorkspaceName,
    principal: &Principal,
) -> Result<Option<Access>, RegistryError> {
    let query = sqlx::query(match &principal.issuer {
        None => {
            "SELECT access FROM members WHERE organisation = $1 AND workspace = $2 \
             AND subject = $3 AND client_id IN ('', $4)"
        }
        Some(_) => {
            "SELECT access FROM issuer_members WHERE organisation = $1 AND workspace = $2 \
             AND subject = $3 AND client_id IN ('', $4) AND issuer = $5"
        }
    })
    .bind(of.organisation.as_str())
    .bind(of.workspace.as_str())
    .bind(principal.subject.as_str())
    .bind(principal.client_id.as_str());
    let query = with_issuer(query, principal.issuer.as_ref());
    let found = database.rows("member", query, rows::access).await?;
    Ok(found.into_iter().max())
}

/// Removes all members of the workspace.
pub(super) async fn remove_all(
    change: &mut Change,
    of: &WorkspaceName,
) -> Result<(), RegistryError> {
    for delete in [
        "DELETE FROM members WHERE organisation = $1 AND workspace = $2",
        "DELETE FROM issuer_members WHERE organisation = $1 AND workspace = $2",
    ] {
        let delete = sqlx::query(delete)
            .bind(of.organisation.as_str())
            .bind(of.workspace.as_str());
        change.execute(delete).await?;
    }
    Ok(())
}

/// Removes the person, through this client or through all.
pub(super) fn delete_member(
    of: &WorkspaceName,
    issuer: Option<&IssuerName>,
    subject: &Subject,
    client_id: Option<&ClientId>,
) -> Statement<'static> {
    let delete = sqlx::query(match issuer {
        None => {
            "DELETE FROM members WHERE organisation = $1 AND workspace = $2 AND subject = $3 \
             AND $4 IN ('', client_id)"
        }
        Some(_) => {
            "DELETE FROM issuer_members WHERE organisation = $1 AND workspace = $2 \
             AND subject = $3 AND $4 IN ('', client_id) AND issuer = $5"
        }
    })
    .bind(of.organisation.as_str().to_owned())
    .bind(of.workspace.as_str().to_owned())
    .bind(subject.as_str().to_owned())
    .bind(client_id.map_or("", ClientId::as_str).to_owned());
    with_issuer(delete, issuer)
}

/// Adds the member or changes its access, unless the member has this access through this client
/// already.
pub(super) async fn set(
    change: &mut Change,
    of: &WorkspaceName,
    member: &Member,
) -> Result<MemberChange, RegistryError> {
    let client_id = member.client_id.as_ref().map_or("", ClientId::as_str);
    let issuer = member.issuer.as_ref();
    let current = sqlx::query(match issuer {
        None => {
            "SELECT access FROM members \
             WHERE organisation = $1 AND workspace = $2 AND subject = $3 AND client_id = $4"
        }
        Some(_) => {
            "SELECT access FROM issuer_members WHERE organisation = $1 AND workspace = $2 \
             AND subject = $3 AND client_id = $4 AND issuer = $5"
        }
    })
    .bind(of.organisation.as_str())
    .bind(of.workspace.as_str())
    .bind(member.subject.as_str())
    .bind(client_id);
    let current = with_issuer(current, issuer);
    let done = match change.row(current, rows::access).await? {
        None => MemberChange::Added,
        Some(access) if access == member.access => return Ok(MemberChange::Unchanged),
        Some(from) => MemberChange::Changed { from },
    };
    let upsert = sqlx::query(match issuer {
        None => {
            "INSERT INTO members (organisation, workspace, subject, client_id, access) \
             VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (organisation, workspace, subject, client_id) \
             DO UPDATE SET access = excluded.access"
        }
        Some(_) => {
            "INSERT INTO issuer_members \
             (organisation, workspace, subject, client_id, access, issuer) \
             VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (organisation, workspace, issuer, subject, client_id) \
             DO UPDATE SET access = excluded.access"
        }
    })
    .bind(of.organisation.as_str())
    .bind(of.workspace.as_str())
    .bind(member.subject.as_str())
    .bind(client_id)
    .bind(member.access.as_str());
    change.execute(with_issuer(upsert, issuer)).await?;
    Ok(done)
}

/// The workspaces that the person is a member of through this client, or through any.
pub(super) async fn workspaces_through(
    database: &Database,
    principal: &Principal,
    client_id: Option<&ClientId>,
) -> Result<Vec<WorkspaceName>, RegistryError> {
    let query = sqlx::query(match &principal.issuer {
        None => {
            "SELECT organisation || '/' || workspace AS name FROM members \
             WHERE subject = $1 AND client_id = $2 ORDER BY 1"
        }
        Some(_) => {
            "SELECT organisation || '/' || workspace AS name FROM issuer_members \
             WHERE subject = $1 AND client_id = $2 AND issuer = $3 ORDER BY 1"
        }
    })
    .bind(principal.subject.as_str())
    .bind(client_id.map_or("", ClientId::as_str));
    let query = with_issuer(query, principal.issuer.as_ref());
    let name = |row: &AnyRow| rows::parse::<WorkspaceName>(row, "name");
    database.rows("members", query, name).await
}

/// How many memberships the subject has through other clients.
pub(super) async fn through_other_clients(
    database: &Database,
    principal: &Principal,
) -> Result<u64, RegistryError> {
    let query = sqlx::query(match &principal.issuer {
        None => "SELECT client_id FROM members WHERE subject = $1 AND client_id NOT IN ('', $2)",
        Some(_) => {
            "SELECT client_id FROM issuer_members \
             WHERE subject = $1 AND client_id NOT IN ('', $2) AND issuer = $3"
        }
    })
    .bind(principal.subject.as_str())
    .bind(principal.client_id.as_str());
    let query = with_issuer(query, principal.issuer.as_ref());
    let client_id = |row: &AnyRow| rows::text(row, "client_id");
    Ok(database.rows("members", query, client_id).await?.len() as u64)
}

/// Removes the person's memberships through this client, and through any if the subject `is_whole`.
pub(super) fn delete_person(principal: &Principal, is_whole: bool) -> Statement<'_> {
    let client_id = principal.client_id.as_str();
    let delete = sqlx::query(match &principal.issuer {
        None => "DELETE FROM members WHERE subject = $1 AND client_id IN ($2, $3)",
        Some(_) => {
            "DELETE FROM issuer_members WHERE subject = $1 AND client_id IN ($2, $3) AND issuer = $4"
        }
    })
    .bind(principal.subject.as_str())
    .bind(client_id)
    .bind(if is_whole { "" } else { client_id });
    with_issuer(delete, principal.issuer.as_ref())
}

/// Where the members of an issuer are, in SQL: after `FROM`, as `m`. Takes `$5` for a named issuer
/// ([`with_issuer`]).
pub(super) fn source(issuer: Option<&IssuerName>) -> &'static str {
    match issuer {
        None => "members m WHERE",
        Some(_) => "issuer_members m WHERE m.issuer = $5 AND",
    }
}

/// Binds the last placeholder of a statement on `issuer_members`; the others have none for it.
pub(super) fn with_issuer<'q>(
    statement: Statement<'q>,
    issuer: Option<&IssuerName>,
) -> Statement<'q> {
    match issuer {
        None => statement,
        Some(name) => statement.bind(name.as_str().to_owned()),
    }
}
