use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;

use crate::domain::{
    Access, ApiKeyHash, ApiKeyId, Organisation, Owner, Principal, RegisteredApiKey, Slug,
    Workspace, WorkspaceName,
};
use crate::service::{Directory, MemberWorkspace, RegistryError};

use super::Database;
use super::member_workspaces;
use super::members;
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
        let query = member_workspaces::select(principal, claimed, after, at_most);
        let read = member_workspaces::read;
        self.database.rows("workspaces", query, read).await
    }
}
