use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use sqlx::any::AnyRow;

use crate::domain::{
    Access, ApiKeyHash, ApiKeyId, Organisation, Owner, Principal, RegisteredApiKey, Slug,
    Workspace, WorkspaceName,
};
use crate::service::{Directory, RegistryError};

use super::Database;
use super::pool::bounded;
use super::rows::{self, utc};

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

    async fn find(
        &self,
        step: &'static str,
        query: &'static str,
        values: &[&str],
    ) -> Result<Option<AnyRow>, RegistryError> {
        let mut query = sqlx::query(query);
        for value in values {
            query = query.bind((*value).to_owned());
        }
        bounded(step, query.fetch_optional(&self.database.pool)).await
    }
}

#[async_trait]
impl Directory for SqlDirectory {
    async fn api_key(&self, id: &ApiKeyId) -> Result<Option<RegisteredApiKey>, RegistryError> {
        const QUERY: &str = rows::select_api_keys!("WHERE id = $1");
        let row = self.find("api key", QUERY, &[id.as_str()]).await?;
        row.as_ref().map(rows::api_key).transpose()
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
        // Row by row: the rows take much more memory than the hashes. On a connection taken here,
        // so that an answer which is late closes this one and casts no doubt on the others.
        let mut lease = bounded("api keys", self.database.pool.acquire()).await?;
        let hashes = query.fetch(&mut *lease);
        let hashes = hashes.map_ok(|row| rows::api_key_hash(&row));
        let hashes: Vec<_> = bounded("api keys", hashes.try_collect()).await?;
        lease.give_back();
        // A damaged row is reported when its key is used; it does not cost the others.
        Ok(hashes.into_iter().filter_map(Result::ok).collect())
    }

    async fn note_use(&self, id: &ApiKeyId, hour: DateTime<Utc>) -> Result<(), RegistryError> {
        let statement =
            sqlx::query("UPDATE api_keys SET last_used = $2 WHERE id = $1 AND last_used < $2")
                .bind(id.as_str())
                .bind(utc(hour));
        bounded("api key", statement.execute(&self.database.pool)).await?;
        Ok(())
    }

    async fn organisation(&self, slug: &Slug) -> Result<Option<Organisation>, RegistryError> {
        const QUERY: &str = rows::select_organisations!("WHERE o.slug = $1");
        let row = self.find("organisation", QUERY, &[slug.as_str()]).await?;
        row.as_ref().map(rows::organisation).transpose()
    }

    async fn workspace(&self, name: &WorkspaceName) -> Result<Option<Workspace>, RegistryError> {
        const QUERY: &str = rows::select_workspaces!(
            "WHERE w.organisation = $1 AND w.slug = $2 AND a.owner_id = $3"
        );
        let id = Owner::Workspace(name.clone()).id();
        let values = [name.organisation.as_str(), name.workspace.as_str(), &id];
        let row = self.find("workspace", QUERY, &values).await?;
        row.as_ref().map(rows::workspace).transpose()
    }

    async fn membership(
        &self,
        name: &WorkspaceName,
        principal: &Principal,
    ) -> Result<Option<Access>, RegistryError> {
        let query = sqlx::query(
            "SELECT access FROM members WHERE organisation = $1 AND workspace = $2 \
             AND subject = $3 AND client_id IN ('', $4)",
        )
        .bind(name.organisation.as_str())
        .bind(name.workspace.as_str())
        .bind(principal.subject.as_str())
        .bind(principal.client_id.as_str());
        let found = bounded("member", query.fetch_all(&self.database.pool)).await?;
        let found: Result<Vec<Access>, _> = found.iter().map(rows::access).collect();
        Ok(found?.into_iter().max())
    }
}
