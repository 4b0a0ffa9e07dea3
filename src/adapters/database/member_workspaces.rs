//! Workspaces with a principal's access, for `GET /v1/storage`.

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use crate::domain::{IssuerName, Principal, WorkspaceName};
use crate::service::{MemberWorkspace, RegistryError, ReservationState};

use super::members;
use super::registry::name;
use super::rows;
use super::statement::Statement;

/// The workspaces that the principal is a member of, and those that its token claims, behind a name.
pub(super) fn select(
    principal: &Principal,
    claimed: &[&WorkspaceName],
    after: Option<&WorkspaceName>,
    at_most: usize,
) -> Statement<'static> {
    let issuer = principal.issuer.as_ref();
    let after = after.map(ToString::to_string).unwrap_or_default();
    let query = sqlx::query(AssertSqlSafe(statement(issuer, claimed.len())))
        // One for every number of claims would fill the connection's cache.
        .persistent(claimed.is_empty())
        .bind(principal.subject.as_str().to_owned())
        .bind(principal.client_id.as_str().to_owned())
        .bind(after)
        .bind(i64::try_from(at_most).unwrap_or(i64::MAX));
    let query = members::with_issuer(query, issuer);
    claimed.iter().fold(query, |query, name| {
        let query = query.bind(name.organisation.as_str().to_owned());
        query.bind(name.workspace.as_str().to_owned())
    })
}

pub(super) fn read(row: &AnyRow) -> Result<MemberWorkspace, RegistryError> {
    let registered = match rows::text(row, "access")?.as_str() {
        "" => None,
        _ => Some(rows::access(row)?),
    };
    Ok(MemberWorkspace {
        workspace: rows::workspace(row)?,
        registered,
        is_made: rows::text(row, "bucket_state")? == name(ReservationState::Ready),
    })
}

/// Of the words for access, the greater one allows more; a claimed name has none. SQLite keeps the order
/// of cross joins: the principal's few names come first, and each of the other tables is read by its key.
fn statement(issuer: Option<&IssuerName>, claims: usize) -> String {
    let theirs = members::source(issuer);
    let first = 5 + usize::from(issuer.is_some());
    let pair = |n: usize| format!("(${}, ${}, '')", first + 2 * n, first + 2 * n + 1);
    let pairs: Vec<String> = (0..claims).map(pair).collect();
    // PostgreSQL takes no empty list.
    let claimed = match pairs.join(", ") {
        none if none.is_empty() => none,
        pairs => format!("UNION ALL VALUES {pairs}"),
    };
    format!(
        "SELECT w.organisation, w.slug, w.deleted_at, w.created_at, o.state, a.bucket, a.prefix, \
         t.access, COALESCE((SELECT b.state FROM owned_buckets b WHERE b.owner_kind = 'shared' \
         AND b.owner_id = a.bucket), '') AS bucket_state \
         FROM (SELECT organisation, workspace, MAX(access) AS access FROM \
         (SELECT m.organisation, m.workspace, m.access FROM {theirs} m.subject = $1 \
         AND m.client_id IN ('', $2) {claimed}) n GROUP BY organisation, workspace) t \
         CROSS JOIN workspaces w CROSS JOIN organisations o CROSS JOIN areas a \
         WHERE w.organisation = t.organisation AND w.slug = t.workspace AND w.deleted_at = '' \
         AND o.slug = t.organisation AND o.state = 'enabled' AND a.owner_kind = 'workspace' \
         AND a.owner_id = t.organisation || '/' || t.workspace AND a.owner_id > $3 \
         ORDER BY a.owner_id LIMIT $4"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::database::Database;

    async fn plan(database: &Database, issuer: Option<&IssuerName>, claims: usize) -> Vec<String> {
        let explain = format!("EXPLAIN QUERY PLAN {}", statement(issuer, claims));
        let step = |row: &AnyRow| rows::text(row, "detail");
        let explain = sqlx::query(AssertSqlSafe(explain));
        database.rows("test", explain, step).await.unwrap()
    }

    #[tokio::test]
    async fn a_list_reads_the_rows_of_its_workspaces_only() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("registry.db");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let database = Database::open(&url).await.unwrap();
        let issuer: IssuerName = "ci".parse().unwrap();
        for (issuer, claims) in [(None, 0), (None, 2), (Some(&issuer), 0), (Some(&issuer), 2)] {
            let plan = plan(&database, issuer, claims).await;
            for table in ["m", "w", "o", "a", "b"] {
                let search = format!("SEARCH {table} USING ");
                assert!(
                    plan.iter().any(|step| step.starts_with(&search)),
                    "{plan:?}"
                );
            }
            let by_key = "SEARCH a USING PRIMARY KEY (owner_kind=? AND owner_id=?)";
            assert!(plan.iter().any(|step| step == by_key), "{plan:?}");
        }
    }
}
