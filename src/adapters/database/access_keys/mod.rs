mod rotations;
pub(super) mod rows;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyRights, AuditEvent, BucketFormula, BucketName, BucketPrefix,
};
use crate::service::{AccessKeyRegistry, KnownBuckets, RegistryError, bucket_of_others};

use super::SqlDirectory;
use super::audit::row;
use super::bucket_owners;
use super::change::Change;
use super::fingerprint::Fingerprint;
use super::rows::utc;
use super::statement::bounded;

use rows::{access_key, all_rights, select_access_keys, words};

#[async_trait]
impl AccessKeyRegistry for SqlDirectory {
    async fn access_keys(&self) -> Result<Vec<AccessKey>, RegistryError> {
        let query = sqlx::query(select_access_keys!(
            "deleted_at = '' ORDER BY created_at, id"
        ));
        self.database.rows("access keys", query, access_key).await
    }

    async fn living_access_keys(&self) -> Result<Vec<AccessKey>, RegistryError> {
        let query = sqlx::query(select_access_keys!("cleaned_at = ''"));
        self.database.rows("access keys", query, access_key).await
    }

    async fn access_key(&self, id: &AccessKeyId) -> Result<Option<AccessKey>, RegistryError> {
        let query =
            sqlx::query(select_access_keys!("deleted_at = '' AND id = $1")).bind(id.as_str());
        self.database.row("access key", query, access_key).await
    }

    async fn keys_that_reach(&self, bucket: &BucketName) -> Result<Vec<AccessKey>, RegistryError> {
        let mut lease = bounded("access keys", self.database.pool.acquire()).await?;
        let keys = bucket_owners::keys_that_reach(&mut lease.connection, bucket).await?;
        lease.give_back();
        Ok(keys)
    }

    async fn known_buckets(&self, rights: &AccessKeyRights) -> Result<KnownBuckets, RegistryError> {
        let mut lease = bounded("buckets", self.database.pool.acquire()).await?;
        let known = bucket_owners::known_buckets(&mut lease.connection, rights).await?;
        lease.give_back();
        Ok(known)
    }

    async fn add_access_key(
        &self,
        key: &AccessKey,
        formula: &BucketFormula,
        event: &AuditEvent,
    ) -> Result<Option<String>, RegistryError> {
        let mut change = Change::begin_keeping_owners(&self.database, "access key").await?;
        let known = bucket_owners::known_buckets(&mut change.lease.connection, &key.rights).await?;
        if let Some(bucket) = bucket_of_others(formula, key, &known) {
            change.roll_back().await?;
            return Ok(Some(bucket));
        }
        let prefix = key.rights.prefix.as_ref();
        let networks: Vec<String> = key.networks.iter().map(ToString::to_string).collect();
        let insert = sqlx::query(
            "INSERT INTO access_keys (id, name, owner_kind, owner_id, all_rights, read_buckets, \
             write_buckets, networks, state, created_at, bucket_prefix) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(key.id.as_str())
        .bind(key.name.as_str())
        .bind(key.owner.kind())
        .bind(key.owner.id())
        .bind(all_rights(&key.rights).join(" "))
        .bind(words(&key.rights.read_buckets))
        .bind(words(&key.rights.write_buckets))
        .bind(networks.join(" "))
        .bind(key.state.as_str())
        .bind(utc(key.created_at))
        .bind(prefix.map_or("", BucketPrefix::as_str));
        change.execute(insert).await?;
        change.commit_with(event).await?;
        Ok(None)
    }

    async fn note(&self, event: &AuditEvent) -> Result<(), RegistryError> {
        self.database
            .execute("audit", row::insert_one(event))
            .await?;
        Ok(())
    }

    async fn disable_access_key(
        &self,
        id: &AccessKeyId,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        let update = sqlx::query(
            "UPDATE access_keys SET disabled_at = $2 \
             WHERE id = $1 AND disabled_at = '' AND deleted_at = ''",
        )
        .bind(id.as_str())
        .bind(utc(event.cause.time));
        Change::commit_one(&self.database, "access key", update, event).await
    }

    async fn delete_access_key(
        &self,
        id: &AccessKeyId,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        let update =
            sqlx::query("UPDATE access_keys SET deleted_at = $2 WHERE id = $1 AND deleted_at = ''")
                .bind(id.as_str())
                .bind(utc(event.cause.time));
        Change::commit_one(&self.database, "access key", update, event).await
    }

    async fn forget_access_key(&self, id: &AccessKeyId, lease: &str) -> Result<(), RegistryError> {
        let lock = sqlx::query(
            "UPDATE access_keys SET rotation = rotation \
             WHERE id = $1 AND rotation = $2 AND deleted_at <> ''",
        )
        .bind(id.as_str())
        .bind(lease);
        let Some(mut change) = Change::begin(&self.database, "access key", lock).await? else {
            return Ok(());
        };
        for statement in [
            "DELETE FROM access_key_pairs WHERE access_key = $1",
            "DELETE FROM access_keys WHERE id = $1",
        ] {
            let delete = sqlx::query(statement).bind(id.as_str());
            change.execute(delete).await?;
        }
        change.commit().await
    }

    async fn mark_clean(
        &self,
        id: &AccessKeyId,
        lease: &str,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        let update = "UPDATE access_keys SET cleaned_at = $3 WHERE id = $1 AND rotation = $2";
        let update = sqlx::query(update)
            .bind(id.as_str())
            .bind(lease)
            .bind(utc(now));
        self.database.execute("access key", update).await?;
        Ok(())
    }

    async fn check_formula(&self) -> Result<(), RegistryError> {
        if self.database.has_current_formula().await? {
            Ok(())
        } else {
            Err(Fingerprint::outdated())
        }
    }
}
