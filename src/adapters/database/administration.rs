use async_trait::async_trait;
use sqlx::AssertSqlSafe;

use crate::domain::{
    Access, ApiKeyId, Area, AuditEvent, BucketName, ClientId, Member, Organisation, Owner,
    RegisteredApiKey, Slug, Subject, Workspace, WorkspaceName,
};
use crate::service::{Added, Administration, MemberChange, RegistryError};

use super::SqlDirectory;
use super::audit::row;
use super::bucket_owners;
use super::pool::bounded;
use super::rows::{self, utc, utc_or_empty};

pub(super) use super::connections::Transaction as Changing;

impl SqlDirectory {
    pub(super) async fn begin(&self) -> Result<Changing, sqlx::Error> {
        self.database.pool.begin().await
    }

    /// Takes the area, if nobody else has a part of it, while nobody else can take one.
    async fn take_area(
        &self,
        changing: &mut Changing,
        owner: &Owner,
        area: &Area,
    ) -> Result<Option<Added>, RegistryError> {
        // The first statement writes: it locks the row in PostgreSQL, and the file in SQLite.
        let lock = sqlx::query(
            "UPDATE owned_buckets SET state = state WHERE bucket = $1 AND owner_kind = 'shared'",
        )
        .bind(area.bucket.as_str());
        let locked = bounded("area", lock.execute(&mut **changing)).await?;
        if locked.rows_affected() != 1 {
            let cause = "area: its bucket is not on record";
            return Err(RegistryError::new(cause));
        }
        let keys = bucket_owners::keys_that_reach(changing, &area.bucket).await?;
        if keys
            .iter()
            .any(|key| key.opens_to_others(&area.bucket, owner))
        {
            return Ok(Some(Added::Reached));
        }
        let taken = sqlx::query(AREAS).bind(area.bucket.as_str());
        let taken = bounded("area", taken.fetch_all(&mut **changing)).await?;
        let taken: Result<Vec<_>, _> = taken.iter().map(rows::owned_area).collect();
        for (other, theirs) in taken? {
            if other == *owner && theirs == *area {
                return Ok(None);
            }
            if theirs.overlaps(area) {
                return Ok(Some(Added::AreaTaken(other)));
            }
        }
        let insert = sqlx::query(
            "INSERT INTO areas (owner_kind, owner_id, bucket, prefix) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
        )
        .bind(owner.kind())
        .bind(owner.id())
        .bind(area.bucket.as_str())
        .bind(area.prefix.as_str());
        let inserted = bounded("area", insert.execute(&mut **changing)).await?;
        Ok((inserted.rows_affected() == 0).then_some(Added::NameTaken))
    }
}

const AREAS: &str = "SELECT owner_kind, owner_id, bucket, prefix FROM areas WHERE bucket = $1";

/// What is left of a change when its own statements are done: its row in the audit trail.
pub(super) async fn finish(
    mut changing: Changing,
    event: &AuditEvent,
) -> Result<(), RegistryError> {
    let insert = row::bind(sqlx::query(AssertSqlSafe(row::insert(1))), event);
    bounded("audit", insert.execute(&mut *changing)).await?;
    bounded("commit", changing.commit()).await
}

async fn forget_members(changing: &mut Changing, of: &WorkspaceName) -> Result<(), RegistryError> {
    let delete = sqlx::query("DELETE FROM members WHERE organisation = $1 AND workspace = $2")
        .bind(of.organisation.as_str())
        .bind(of.workspace.as_str());
    bounded("members", delete.execute(&mut **changing)).await?;
    Ok(())
}

/// The member's current access through the same client.
async fn access_of(
    changing: &mut Changing,
    of: &WorkspaceName,
    member: &Member,
) -> Result<Option<Access>, RegistryError> {
    let query = sqlx::query(
        "SELECT subject, client_id, access FROM members \
         WHERE organisation = $1 AND workspace = $2 AND subject = $3 AND client_id = $4",
    )
    .bind(of.organisation.as_str())
    .bind(of.workspace.as_str())
    .bind(member.subject.as_str())
    .bind(member.client_id.as_ref().map_or("", ClientId::as_str));
    let found = bounded("member", query.fetch_optional(&mut **changing)).await?;
    let found = found.as_ref().map(rows::member).transpose()?;
    Ok(found.map(|member| member.access))
}

#[async_trait]
impl Administration for SqlDirectory {
    async fn organisations(&self) -> Result<Vec<Organisation>, RegistryError> {
        const QUERY: &str = rows::select_organisations!("ORDER BY o.slug");
        let found = sqlx::query(QUERY).fetch_all(&self.database.pool);
        let found = bounded("organisations", found).await?;
        found.iter().map(rows::organisation).collect()
    }

    async fn workspaces(&self, of: Option<&Slug>) -> Result<Vec<Workspace>, RegistryError> {
        const QUERY: &str = rows::select_workspaces!(
            "WHERE $1 IN ('', w.organisation) ORDER BY w.organisation, w.slug"
        );
        let query = sqlx::query(QUERY).bind(of.map_or("", Slug::as_str).to_owned());
        let found = bounded("workspaces", query.fetch_all(&self.database.pool)).await?;
        found.iter().map(rows::workspace).collect()
    }

    async fn members(&self, of: &WorkspaceName) -> Result<Vec<Member>, RegistryError> {
        let query = sqlx::query(
            "SELECT subject, client_id, access FROM members \
             WHERE organisation = $1 AND workspace = $2 ORDER BY subject, client_id",
        )
        .bind(of.organisation.as_str())
        .bind(of.workspace.as_str());
        let found = bounded("members", query.fetch_all(&self.database.pool)).await?;
        found.iter().map(rows::member).collect()
    }

    async fn api_keys(&self, of: Option<&Slug>) -> Result<Vec<RegisteredApiKey>, RegistryError> {
        const QUERY: &str =
            rows::select_api_keys!("WHERE $1 IN ('', organisation) ORDER BY created_at, id");
        let query = sqlx::query(QUERY).bind(of.map_or("", Slug::as_str).to_owned());
        let found = bounded("api keys", query.fetch_all(&self.database.pool)).await?;
        found.iter().map(rows::api_key).collect()
    }

    async fn areas(&self, bucket: &BucketName) -> Result<Vec<(Owner, Area)>, RegistryError> {
        let query = sqlx::query(AREAS).bind(bucket.as_str());
        let found = bounded("areas", query.fetch_all(&self.database.pool)).await?;
        found.iter().map(rows::owned_area).collect()
    }

    async fn is_principals(&self, bucket: &BucketName) -> Result<bool, RegistryError> {
        let query = sqlx::query(
            "SELECT 1 FROM owned_buckets WHERE bucket = $1 AND owner_kind = 'principal' \
             UNION SELECT 1 FROM former_buckets WHERE bucket = $1",
        )
        .bind(bucket.as_str());
        let found = bounded("bucket", query.fetch_optional(&self.database.pool)).await?;
        Ok(found.is_some())
    }

    async fn add_organisation(
        &self,
        organisation: &Organisation,
        event: &AuditEvent,
    ) -> Result<Added, RegistryError> {
        let mut changing = bounded("organisation", self.begin()).await?;
        let taken = self.take_area(&mut changing, &event.owner, &organisation.area);
        if let Some(taken) = taken.await? {
            return Ok(taken);
        }
        let insert = sqlx::query(
            "INSERT INTO organisations (slug, state, created_at) VALUES ($1, 'enabled', $2) \
             ON CONFLICT DO NOTHING",
        )
        .bind(organisation.slug.as_str())
        .bind(utc(organisation.created_at));
        let inserted = bounded("organisation", insert.execute(&mut *changing)).await?;
        if inserted.rows_affected() == 0 {
            return Ok(Added::NameTaken);
        }
        finish(changing, event).await?;
        Ok(Added::Yes)
    }

    async fn set_enabled(
        &self,
        slug: &Slug,
        enabled: bool,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        let mut changing = bounded("organisation", self.begin()).await?;
        let update =
            sqlx::query("UPDATE organisations SET state = $2 WHERE slug = $1 AND state <> $2")
                .bind(slug.as_str())
                .bind(if enabled { "enabled" } else { "disabled" });
        let updated = bounded("organisation", update.execute(&mut *changing)).await?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        finish(changing, event).await?;
        Ok(true)
    }

    async fn add_api_key(
        &self,
        key: &RegisteredApiKey,
        event: &AuditEvent,
    ) -> Result<(), RegistryError> {
        let scopes: Vec<&str> = key
            .scopes
            .iter()
            .map(crate::domain::Scope::as_str)
            .collect();
        let mut changing = bounded("api key", self.begin()).await?;
        let insert = sqlx::query(
            "INSERT INTO api_keys (id, hash, organisation, label, storage, scopes, created_at, \
             expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(key.id.as_str())
        .bind(hex::encode(key.hash.0))
        .bind(key.organisation.as_str())
        .bind(key.label.clone())
        .bind(if key.storage { "yes" } else { "no" })
        .bind(scopes.join(" "))
        .bind(utc(key.created_at))
        .bind(utc_or_empty(key.expires_at));
        bounded("api key", insert.execute(&mut *changing)).await?;
        finish(changing, event).await
    }

    async fn revoke_api_key(
        &self,
        id: &ApiKeyId,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        let mut changing = bounded("api key", self.begin()).await?;
        let update =
            sqlx::query("UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at = ''")
                .bind(id.as_str())
                .bind(utc(event.cause.time));
        let updated = bounded("api key", update.execute(&mut *changing)).await?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        finish(changing, event).await?;
        Ok(true)
    }

    async fn add_workspace(
        &self,
        workspace: &Workspace,
        event: &AuditEvent,
    ) -> Result<Added, RegistryError> {
        let mut changing = bounded("workspace", self.begin()).await?;
        let taken = self.take_area(&mut changing, &event.owner, &workspace.area);
        if let Some(taken) = taken.await? {
            return Ok(taken);
        }
        let insert = sqlx::query(
            "INSERT INTO workspaces (organisation, slug, created_at) VALUES ($1, $2, $3) \
             ON CONFLICT (organisation, slug) DO UPDATE \
             SET deleted_at = '', created_at = excluded.created_at \
             WHERE workspaces.deleted_at <> ''",
        )
        .bind(workspace.name.organisation.as_str())
        .bind(workspace.name.workspace.as_str())
        .bind(utc(workspace.created_at));
        let inserted = bounded("workspace", insert.execute(&mut *changing)).await?;
        if inserted.rows_affected() == 0 {
            return Ok(Added::NameTaken);
        }
        forget_members(&mut changing, &workspace.name).await?;
        finish(changing, event).await?;
        Ok(Added::Yes)
    }

    async fn delete_workspace(
        &self,
        name: &WorkspaceName,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        let mut changing = bounded("workspace", self.begin()).await?;
        let update = sqlx::query(
            "UPDATE workspaces SET deleted_at = $3 WHERE organisation = $1 AND slug = $2 \
             AND deleted_at = ''",
        )
        .bind(name.organisation.as_str())
        .bind(name.workspace.as_str())
        .bind(utc(event.cause.time));
        let updated = bounded("workspace", update.execute(&mut *changing)).await?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        forget_members(&mut changing, name).await?;
        finish(changing, event).await?;
        Ok(true)
    }

    async fn set_member(
        &self,
        name: &WorkspaceName,
        member: &Member,
        event: &AuditEvent,
    ) -> Result<Option<MemberChange>, RegistryError> {
        let mut changing = bounded("member", self.begin()).await?;
        // Nobody is added to a workspace that is being deleted.
        let keep = sqlx::query(
            "UPDATE workspaces SET deleted_at = '' WHERE organisation = $1 AND slug = $2 \
             AND deleted_at = ''",
        )
        .bind(name.organisation.as_str())
        .bind(name.workspace.as_str());
        let living = bounded("member", keep.execute(&mut *changing)).await?;
        if living.rows_affected() == 0 {
            return Ok(None);
        }
        let done = match access_of(&mut changing, name, member).await? {
            None => MemberChange::Added,
            Some(access) if access == member.access => return Ok(Some(MemberChange::Unchanged)),
            Some(from) => MemberChange::Changed { from },
        };
        let upsert = sqlx::query(
            "INSERT INTO members (organisation, workspace, subject, client_id, access) \
             VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (organisation, workspace, subject, client_id) \
             DO UPDATE SET access = excluded.access",
        )
        .bind(name.organisation.as_str())
        .bind(name.workspace.as_str())
        .bind(member.subject.as_str())
        .bind(member.client_id.as_ref().map_or("", ClientId::as_str))
        .bind(member.access.as_str());
        bounded("member", upsert.execute(&mut *changing)).await?;
        finish(changing, event).await?;
        Ok(Some(done))
    }

    async fn remove_member(
        &self,
        name: &WorkspaceName,
        subject: &Subject,
        client_id: Option<&ClientId>,
        event: &AuditEvent,
    ) -> Result<u64, RegistryError> {
        let mut changing = bounded("member", self.begin()).await?;
        let delete = sqlx::query(
            "DELETE FROM members WHERE organisation = $1 AND workspace = $2 AND subject = $3 \
             AND $4 IN ('', client_id)",
        )
        .bind(name.organisation.as_str())
        .bind(name.workspace.as_str())
        .bind(subject.as_str())
        .bind(client_id.map_or("", ClientId::as_str));
        let deleted = bounded("member", delete.execute(&mut *changing)).await?;
        if deleted.rows_affected() > 0 {
            finish(changing, event).await?;
        }
        Ok(deleted.rows_affected())
    }
}
