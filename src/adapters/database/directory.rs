use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use crate::domain::{
    Access, ApiKeyHash, ApiKeyId, Organisation, Owner, Principal, RegisteredApiKey, Slug,
    Workspace, WorkspaceName,
};
use crate::service::{Directory, MemberWorkspace, RegistryError, ReservationState};

use super::Database;
use super::members;
use super::registry::name;
use super::rows::{self, utc};
use super::statement::bounded;

/// Organisations, their keys and their workspaces, in a database.
pub struct SqlDirectory {
    pub(super) database: Database,
}

impl SqlDirectory {
    /// In this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Directory for SqlDirectory {
    async fn api_key(&self, id: &ApiKeyId) -> Result<Option<RegisteredApiKey>, RegistryError> {
        let query = sqlx::query(rows::select_api_keys!("WHERE id = $1")).bind(id.as_str());
        self.database.row("api key", query, rows::api_key).await
    }

    async fn live_api_keys(
        &self,
        now: DateTime<Utc>,
        at_most: u32,
    ) -> Result<Vec<ApiKeyHash>, RegistryError> {
        let query = sqlx::query(
            "SELECT hash FROM api_keys WHERE revoked_at = '' \
             AND (expires_at = '' OR expires_at > $1) ORDER BY last_used DESC LIMIT $2",
        )
        .bind(utc(now))
        .bind(i64::from(at_most));
        // Row by row: the rows take much more memory than the hashes. On a lease, so that a late
        // answer closes this connection and leaves the others alone.
        let mut lease = bounded("api keys", self.database.pool.acquire()).await?;
        let hashes = query.fetch(&mut lease.connection);
        let hashes = hashes.map_ok(|row| rows::api_key_hash(&row));
        let hashes: Vec<_> = bounded("api keys", hashes.try_collect()).await?;
        lease.give_back();
        // A damaged row is reported when its key is used; the others count.
        Ok(hashes.into_iter().filter_map(Result::ok).collect())
    }

    async fn note_use(&self, id: &ApiKeyId, hour: DateTime<Utc>) -> Result<(), RegistryError> {
        let statement =
            sqlx::query("UPDATE api_keys SET last_used = $2 WHERE id = $1 AND last_used < $2")
                .bind(id.as_str())
                .bind(utc(hour));
        self.database.execute("api key", statement).await?;
        Ok(())
    }

    async fn organisation(&self, slug: &Slug) -> Result<Option<Organisation>, RegistryError> {
        let query = sqlx::query(rows::select_organisations!("WHERE o.slug = $1"));
        let query = query.bind(slug.as_str());
        self.database
            .row("organisation", query, rows::organisation)
            .await
    }

    async fn workspace(&self, name: &WorkspaceName) -> Result<Option<Workspace>, RegistryError> {
        let query = sqlx::query(rows::select_workspaces!(
            "WHERE w.organisation = $1 AND w.slug = $2 AND a.owner_id = $3"
        ))
        .bind(name.organisation.as_str())
        .bind(name.workspace.as_str())
        .bind(Owner::Workspace(name.clone()).id());
        self.database.row("workspace", query, rows::workspace).await
    }

    async fn membership(
        &self,
        name: &WorkspaceName,
        principal: &Principal,
    ) -> Result<Option<Access>, RegistryError> {
        members::access(&self.database, name, principal).await
    }

    async fn workspaces_of(
        &self,
        principal: &Principal,
        claimed: &[&WorkspaceName],
        after: Option<&WorkspaceName>,
        at_most: usize,
    ) -> Result<Vec<MemberWorkspace>, RegistryError> {
        let issuer = principal.issuer.as_ref();
        let first = 5 + usize::from(issuer.is_some());
        let places = (0..claimed.len()).map(|n| format!(", ${}", n + first));
        let statement = of_member(members::source(issuer), &places.collect::<String>());
        let after = after.map(ToString::to_string).unwrap_or_default();
        let mut query = sqlx::query(AssertSqlSafe(statement))
            // One for every number of claims would fill the connection's cache.
            .persistent(claimed.is_empty())
            .bind(principal.subject.as_str())
            .bind(principal.client_id.as_str())
            .bind(after)
            .bind(i64::try_from(at_most).unwrap_or(i64::MAX));
        query = members::with_issuer(query, issuer);
        for name in claimed {
            query = query.bind(name.to_string());
        }
        let query = self.database.rows("workspaces", query, member_workspace);
        query.await
    }
}

/// The statement for workspaces with a principal's access and the state of their buckets, by the
/// principal's rows in `members` and by further names. Of the two words for access, the greater one
/// allows more.
fn of_member(members: &str, names: &str) -> String {
    let theirs = format!("{members} m.subject = $1 AND m.client_id IN ('', $2)");
    // The empty name is no workspace's: PostgreSQL takes no empty list.
    format!(
        "SELECT w.organisation, w.slug, w.deleted_at, w.created_at, o.state, a.bucket, a.prefix, \
         COALESCE((SELECT MAX(m.access) FROM {theirs} AND m.organisation = w.organisation \
         AND m.workspace = w.slug), '') AS access, \
         COALESCE((SELECT b.state FROM owned_buckets b WHERE b.owner_kind = 'shared' \
         AND b.owner_id = a.bucket), '') AS bucket_state \
         FROM workspaces w JOIN organisations o ON o.slug = w.organisation \
         JOIN areas a ON a.owner_kind = 'workspace' \
         AND a.owner_id = w.organisation || '/' || w.slug \
         WHERE w.deleted_at = '' AND o.state = 'enabled' AND a.owner_id > $3 \
         AND (a.owner_id IN (SELECT m.organisation || '/' || m.workspace FROM {theirs}) \
         OR a.owner_id IN (''{names})) ORDER BY a.owner_id LIMIT $4"
    )
}

fn member_workspace(row: &AnyRow) -> Result<MemberWorkspace, RegistryError> {
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
