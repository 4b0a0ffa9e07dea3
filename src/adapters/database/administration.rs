use async_trait::async_trait;

use crate::domain::{
    ApiKeyId, Area, AuditEvent, BucketName, ClientId, IssuerName, Member, Organisation, Owner,
    RegisteredApiKey, Scope, Slug, Subject, Workspace, WorkspaceName,
};
use crate::service::{Added, Administration, MemberChange, OrganisationRemoval, RegistryError};

use super::SqlDirectory;
use super::areas::{select_area_of, select_areas};
use super::change::Change;
use super::members::{self, select_members};
use super::removal;
use super::rows::{self, utc, utc_or_empty};

#[async_trait]
impl Administration for SqlDirectory {
    async fn organisations(&self) -> Result<Vec<Organisation>, RegistryError> {
        let query = sqlx::query(rows::select_organisations!("ORDER BY o.slug"));
        self.database
            .rows("organisations", query, rows::organisation)
            .await
    }

    async fn workspaces(&self, of: Option<&Slug>) -> Result<Vec<Workspace>, RegistryError> {
        let query = sqlx::query(rows::select_workspaces!(
            "WHERE $1 IN ('', w.organisation) ORDER BY w.organisation, w.slug"
        ))
        .bind(of.map_or("", Slug::as_str));
        self.database
            .rows("workspaces", query, rows::workspace)
            .await
    }

    async fn members(&self, of: &WorkspaceName) -> Result<Vec<Member>, RegistryError> {
        self.database
            .rows("members", select_members(of), rows::member)
            .await
    }

    async fn api_keys(&self, of: Option<&Slug>) -> Result<Vec<RegisteredApiKey>, RegistryError> {
        let query = sqlx::query(rows::select_api_keys!(
            "WHERE $1 IN ('', organisation) ORDER BY created_at, id"
        ))
        .bind(of.map_or("", Slug::as_str));
        self.database.rows("api keys", query, rows::api_key).await
    }

    async fn areas(&self, bucket: &BucketName) -> Result<Vec<(Owner, Area)>, RegistryError> {
        self.database
            .rows("areas", select_areas(bucket), rows::owned_area)
            .await
    }

    async fn all_areas(&self) -> Result<Vec<(Owner, Area)>, RegistryError> {
        let query = sqlx::query(
            "SELECT owner_kind, owner_id, bucket, prefix FROM areas ORDER BY owner_kind, owner_id",
        );
        self.database.rows("areas", query, rows::owned_area).await
    }

    async fn area_of(&self, owner: &Owner) -> Result<Option<Area>, RegistryError> {
        self.database
            .row("area", select_area_of(owner), rows::area)
            .await
    }

    async fn is_principals(&self, bucket: &BucketName) -> Result<bool, RegistryError> {
        let query = sqlx::query(
            "SELECT 1 FROM owned_buckets WHERE bucket = $1 AND owner_kind = 'principal' \
             UNION SELECT 1 FROM former_buckets WHERE bucket = $1",
        )
        .bind(bucket.as_str());
        let found = self.database.row("bucket", query, |_| Ok(())).await?;
        Ok(found.is_some())
    }

    async fn add_organisation(
        &self,
        organisation: &Organisation,
        event: &AuditEvent,
    ) -> Result<Added, RegistryError> {
        let owner = Owner::Organisation(organisation.slug.clone());
        let mut change = match self.take_area(&owner, &organisation.area).await? {
            Ok(change) => change,
            Err(taken) => return Ok(taken),
        };
        let insert = sqlx::query(
            "INSERT INTO organisations (slug, state, created_at) VALUES ($1, 'enabled', $2) \
             ON CONFLICT DO NOTHING",
        )
        .bind(organisation.slug.as_str())
        .bind(utc(organisation.created_at));
        if change.execute(insert).await? == 0 {
            return Ok(Added::NameTaken);
        }
        change.commit_with(event).await?;
        Ok(Added::Yes)
    }

    async fn set_enabled(
        &self,
        slug: &Slug,
        enabled: bool,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        let update =
            sqlx::query("UPDATE organisations SET state = $2 WHERE slug = $1 AND state <> $2")
                .bind(slug.as_str())
                .bind(if enabled { "enabled" } else { "disabled" });
        Change::commit_one(&self.database, "organisation", update, event).await
    }

    async fn delete_organisation(
        &self,
        slug: &Slug,
        event: &AuditEvent,
    ) -> Result<OrganisationRemoval, RegistryError> {
        removal::delete_organisation(&self.database, slug, event).await
    }

    async fn add_api_key(
        &self,
        key: &RegisteredApiKey,
        event: &AuditEvent,
    ) -> Result<(), RegistryError> {
        let scopes: Vec<&str> = key.scopes.iter().map(Scope::as_str).collect();
        let insert = sqlx::query(
            "INSERT INTO api_keys (id, hash, organisation, label, storage, scopes, created_at, \
             expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(key.id.as_str())
        .bind(hex::encode(key.hash.0))
        .bind(key.organisation.as_str())
        .bind(key.label.as_str())
        .bind(if key.storage { "yes" } else { "no" })
        .bind(scopes.join(" "))
        .bind(utc(key.created_at))
        .bind(utc_or_empty(key.expires_at));
        Change::commit_one(&self.database, "api key", insert, event).await?;
        Ok(())
    }

    async fn revoke_api_key(
        &self,
        id: &ApiKeyId,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        let update =
            sqlx::query("UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at = ''")
                .bind(id.as_str())
                .bind(utc(event.cause.time));
        Change::commit_one(&self.database, "api key", update, event).await
    }

    async fn add_workspace(
        &self,
        workspace: &Workspace,
        event: &AuditEvent,
    ) -> Result<Added, RegistryError> {
        let owner = Owner::Workspace(workspace.name.clone());
        let mut change = match self.take_area(&owner, &workspace.area).await? {
            Ok(change) => change,
            Err(taken) => return Ok(taken),
        };
        let insert = sqlx::query(
            "INSERT INTO workspaces (organisation, slug, created_at) VALUES ($1, $2, $3) \
             ON CONFLICT (organisation, slug) DO UPDATE \
             SET deleted_at = '', created_at = excluded.created_at \
             WHERE workspaces.deleted_at <> ''",
        )
        .bind(workspace.name.organisation.as_str())
        .bind(workspace.name.workspace.as_str())
        .bind(utc(workspace.created_at));
        if change.execute(insert).await? == 0 {
            return Ok(Added::NameTaken);
        }
        members::remove_all(&mut change, &workspace.name).await?;
        change.commit_with(event).await?;
        Ok(Added::Yes)
    }

    async fn delete_workspace(
        &self,
        name: &WorkspaceName,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        let update = sqlx::query(
            "UPDATE workspaces SET deleted_at = $3 WHERE organisation = $1 AND slug = $2 \
             AND deleted_at = ''",
        )
        .bind(name.organisation.as_str())
        .bind(name.workspace.as_str())
        .bind(utc(event.cause.time));
        let Some(mut change) = Change::begin(&self.database, "workspace", update).await? else {
            return Ok(false);
        };
        members::remove_all(&mut change, name).await?;
        change.commit_with(event).await?;
        Ok(true)
    }

    async fn purge_workspace(
        &self,
        name: &WorkspaceName,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        removal::purge_workspace(&self.database, name, event).await
    }

    async fn set_member(
        &self,
        name: &WorkspaceName,
        member: &Member,
        event: &AuditEvent,
    ) -> Result<Option<MemberChange>, RegistryError> {
        // Locks the workspace: it is not deleted meanwhile.
        let lock = sqlx::query(
            "UPDATE workspaces SET deleted_at = '' WHERE organisation = $1 AND slug = $2 \
             AND deleted_at = ''",
        )
        .bind(name.organisation.as_str())
        .bind(name.workspace.as_str());
        let Some(mut change) = Change::begin(&self.database, "member", lock).await? else {
            return Ok(None);
        };
        let done = members::set(&mut change, name, member).await?;
        if done != MemberChange::Unchanged {
            change.commit_with(event).await?;
        }
        Ok(Some(done))
    }

    async fn remove_member(
        &self,
        name: &WorkspaceName,
        issuer: Option<&IssuerName>,
        subject: &Subject,
        client_id: Option<&ClientId>,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        let delete = members::delete_member(name, issuer, subject, client_id);
        Change::commit_one(&self.database, "member", delete, event).await
    }
}
