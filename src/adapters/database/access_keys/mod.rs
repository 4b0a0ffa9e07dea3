mod leases;
pub(super) mod rows;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyRights, AccessKeyState, AuditEvent, BucketFormula, BucketName,
    BucketPrefix,
};
use crate::service::{
    AccessKeyRegistry, HeldLease, KnownBuckets, RecordedPair, RegistryError, Taken, Unfinished,
    bucket_of_others,
};

use crate::adapters::database::SqlDirectory;
use crate::adapters::database::administration::finish;
use crate::adapters::database::bucket_owners;
use crate::adapters::database::fingerprint::Fingerprint;
use crate::adapters::database::pool::bounded;
use crate::adapters::database::rows::utc;

use rows::{access_key, all_rights, recorded_pair, select_access_keys, unfinished, words};

#[async_trait]
impl AccessKeyRegistry for SqlDirectory {
    async fn access_keys(&self) -> Result<Vec<AccessKey>, RegistryError> {
        let found = sqlx::query(select_access_keys!(
            "deleted_at = '' ORDER BY created_at, id"
        ))
        .fetch_all(&self.database.pool);
        let found = bounded("access keys", found).await?;
        found.iter().map(access_key).collect()
    }

    async fn living_access_keys(&self) -> Result<Vec<AccessKey>, RegistryError> {
        let query = sqlx::query(select_access_keys!("cleaned_at = ''"));
        let found = bounded("access keys", query.fetch_all(&self.database.pool)).await?;
        found.iter().map(access_key).collect()
    }

    async fn access_key(&self, id: &AccessKeyId) -> Result<Option<AccessKey>, RegistryError> {
        let query =
            sqlx::query(select_access_keys!("deleted_at = '' AND id = $1")).bind(id.as_str());
        let found = bounded("access key", query.fetch_optional(&self.database.pool)).await?;
        found.as_ref().map(access_key).transpose()
    }

    async fn keys_that_reach(&self, bucket: &BucketName) -> Result<Vec<AccessKey>, RegistryError> {
        let mut connection = bounded("access keys", self.database.pool.acquire()).await?;
        let keys = bucket_owners::keys_that_reach(&mut connection, bucket).await?;
        connection.give_back();
        Ok(keys)
    }

    async fn known_buckets(&self, rights: &AccessKeyRights) -> Result<KnownBuckets, RegistryError> {
        let mut connection = bounded("buckets", self.database.pool.acquire()).await?;
        let known = bucket_owners::known_buckets(&mut connection, rights).await?;
        connection.give_back();
        Ok(known)
    }

    async fn add_access_key(
        &self,
        key: &AccessKey,
        formula: &BucketFormula,
        event: &AuditEvent,
    ) -> Result<Option<String>, RegistryError> {
        let mut changing = bounded("access key", self.begin()).await?;
        bucket_owners::keep(&mut changing).await?;
        let known = bucket_owners::known_buckets(&mut changing, &key.rights).await?;
        if let Some(bucket) = bucket_of_others(formula, key, &known) {
            bounded("access key", changing.rollback()).await?;
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
        .bind(key.name.clone())
        .bind(key.owner.kind())
        .bind(key.owner.id())
        .bind(all_rights(&key.rights).join(" "))
        .bind(words(&key.rights.read_buckets))
        .bind(words(&key.rights.write_buckets))
        .bind(networks.join(" "))
        .bind(key.state.as_str())
        .bind(utc(key.created_at))
        .bind(prefix.map_or("", BucketPrefix::as_str).to_owned());
        bounded("access key", insert.execute(&mut *changing)).await?;
        finish(changing, event).await?;
        Ok(None)
    }

    async fn note(&self, event: &AuditEvent) -> Result<(), RegistryError> {
        let changing = bounded("access key", self.begin()).await?;
        finish(changing, event).await
    }

    async fn disable_access_key(
        &self,
        id: &AccessKeyId,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        self.end_key(
            "UPDATE access_keys SET disabled_at = $2 \
             WHERE id = $1 AND disabled_at = '' AND deleted_at = ''",
            id,
            event,
        )
        .await
    }

    async fn delete_access_key(
        &self,
        id: &AccessKeyId,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        let statement = "UPDATE access_keys SET deleted_at = $2 WHERE id = $1 AND deleted_at = ''";
        self.end_key(statement, id, event).await
    }

    async fn forget_access_key(&self, id: &AccessKeyId, lease: &str) -> Result<(), RegistryError> {
        let mut changing = bounded("access key", self.begin()).await?;
        let keep = sqlx::query(
            "UPDATE access_keys SET rotation = rotation \
             WHERE id = $1 AND rotation = $2 AND deleted_at <> ''",
        )
        .bind(id.as_str())
        .bind(lease.to_owned());
        let kept = bounded("access key", keep.execute(&mut *changing)).await?;
        if kept.rows_affected() == 0 {
            return Ok(());
        }
        for statement in [
            "DELETE FROM access_key_pairs WHERE access_key = $1",
            "DELETE FROM access_keys WHERE id = $1",
        ] {
            let delete = sqlx::query(statement).bind(id.as_str());
            bounded("access key", delete.execute(&mut *changing)).await?;
        }
        bounded("commit", changing.commit()).await
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
            .bind(lease.to_owned())
            .bind(utc(now));
        bounded("access key", update.execute(&self.database.pool)).await?;
        Ok(())
    }

    async fn check_formula(&self) -> Result<(), RegistryError> {
        let fingerprint = &self.database.fingerprint;
        if fingerprint.is_current_at(&self.database.pool).await? {
            Ok(())
        } else {
            Err(Fingerprint::outdated())
        }
    }

    async fn take(
        &self,
        id: &AccessKeyId,
        lease: &str,
        now: DateTime<Utc>,
        stale: DateTime<Utc>,
        gone: Option<&HeldLease>,
    ) -> Result<Taken, RegistryError> {
        self.take_key(id, lease, now, stale, gone).await
    }

    async fn renew(&self, id: &AccessKeyId, lease: &str) -> Result<bool, RegistryError> {
        self.renew_lease(id, lease).await
    }

    async fn leases(&self) -> Result<Vec<HeldLease>, RegistryError> {
        self.held_leases().await
    }

    async fn begin_rotation(
        &self,
        id: &AccessKeyId,
        lease: &str,
        now: DateTime<Utc>,
        stale: DateTime<Utc>,
    ) -> Result<bool, RegistryError> {
        self.take_key_to_rotate(id, lease, now, stale).await
    }

    async fn record_pair(
        &self,
        id: &AccessKeyId,
        lease: &str,
        pair: &str,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        let mut changing = bounded("pair", self.begin()).await?;
        // This statement locks the key until the transaction ends.
        let keep = sqlx::query(
            "UPDATE access_keys SET state = $3 WHERE id = $1 AND rotation = $2 \
             AND disabled_at = '' AND deleted_at = ''",
        )
        .bind(id.as_str())
        .bind(lease.to_owned())
        .bind(AccessKeyState::Pending.as_str());
        let kept = bounded("pair", keep.execute(&mut *changing)).await?;
        if kept.rows_affected() == 0 {
            return Ok(false);
        }
        let fingerprint = &self.database.fingerprint;
        fingerprint.must_be_current(&mut changing).await?;
        let insert = sqlx::query(
            "INSERT INTO access_key_pairs (access_key, access_key_id, issued_at, unproven) \
             VALUES ($1, $2, $3, 'yes')",
        )
        .bind(id.as_str())
        .bind(pair.to_owned())
        .bind(utc(event.cause.time));
        bounded("pair", insert.execute(&mut *changing)).await?;
        finish(changing, event).await?;
        Ok(true)
    }

    async fn promote_pair(
        &self,
        id: &AccessKeyId,
        lease: &str,
        pair: &str,
        ends: DateTime<Utc>,
    ) -> Result<bool, RegistryError> {
        let mut changing = bounded("pair", self.begin()).await?;
        // This statement locks the key until the transaction ends.
        let keep = sqlx::query(
            "UPDATE access_keys SET state = $3 WHERE id = $1 AND rotation = $2 \
             AND disabled_at = '' AND deleted_at = ''",
        )
        .bind(id.as_str())
        .bind(lease.to_owned())
        .bind(AccessKeyState::Active.as_str());
        let kept = bounded("pair", keep.execute(&mut *changing)).await?;
        if kept.rows_affected() == 0 {
            return Ok(false);
        }
        let retire = sqlx::query(
            "UPDATE access_key_pairs SET ends_at = $3 \
             WHERE access_key = $1 AND access_key_id <> $2 AND ends_at = ''",
        )
        .bind(id.as_str())
        .bind(pair.to_owned())
        .bind(utc(ends));
        bounded("pair", retire.execute(&mut *changing)).await?;
        let promote = sqlx::query(
            "UPDATE access_key_pairs SET unproven = '' \
             WHERE access_key = $1 AND access_key_id = $2",
        )
        .bind(id.as_str())
        .bind(pair.to_owned());
        bounded("pair", promote.execute(&mut *changing)).await?;
        bounded("commit", changing.commit()).await?;
        Ok(true)
    }

    async fn give_up_pair(
        &self,
        id: &AccessKeyId,
        lease: &str,
        pair: &str,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        let mut changing = bounded("pair", self.begin()).await?;
        let keep = sqlx::query(
            "UPDATE access_keys SET rotation = rotation WHERE id = $1 AND rotation = $2",
        )
        .bind(id.as_str())
        .bind(lease.to_owned());
        let kept = bounded("pair", keep.execute(&mut *changing)).await?;
        if kept.rows_affected() == 0 {
            return Ok(());
        }
        // A statement after the one that waits for the lock: on PostgreSQL only it sees a promotion
        // that was committed meanwhile.
        let end = sqlx::query(
            "UPDATE access_key_pairs SET ends_at = $3 \
             WHERE access_key = $1 AND access_key_id = $2 AND unproven <> ''",
        )
        .bind(id.as_str())
        .bind(pair.to_owned())
        .bind(utc(now));
        let ended = bounded("pair", end.execute(&mut *changing)).await?;
        if ended.rows_affected() == 0 {
            return Ok(());
        }
        let fail = sqlx::query("UPDATE access_keys SET state = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(AccessKeyState::Failed.as_str());
        bounded("pair", fail.execute(&mut *changing)).await?;
        bounded("commit", changing.commit()).await
    }

    async fn end_rotation(
        &self,
        id: &AccessKeyId,
        lease: &str,
        state: Option<AccessKeyState>,
        is_clean: bool,
    ) -> Result<(), RegistryError> {
        self.give_key_back(id, lease, state, is_clean).await
    }

    async fn recorded_pairs(&self, id: &AccessKeyId) -> Result<Vec<RecordedPair>, RegistryError> {
        let query = sqlx::query(
            "SELECT access_key_id, ends_at, unproven FROM access_key_pairs \
             WHERE access_key = $1 ORDER BY issued_at",
        )
        .bind(id.as_str());
        let found = bounded("pairs", query.fetch_all(&self.database.pool)).await?;
        found.iter().map(recorded_pair).collect()
    }

    async fn forget_pair(&self, id: &AccessKeyId, pair: &str) -> Result<(), RegistryError> {
        let delete = sqlx::query(
            "DELETE FROM access_key_pairs WHERE access_key = $1 AND access_key_id = $2",
        )
        .bind(id.as_str())
        .bind(pair.to_owned());
        bounded("pairs", delete.execute(&self.database.pool)).await?;
        Ok(())
    }

    async fn unfinished(
        &self,
        now: DateTime<Utc>,
        stale: DateTime<Utc>,
    ) -> Result<Vec<Unfinished>, RegistryError> {
        let query = sqlx::query(
            "SELECT id, deleted_at, disabled_at FROM access_keys k \
             WHERE (rotation <> '' AND rotation_began_at < $2) \
             OR deleted_at <> '' OR (disabled_at <> '' AND cleaned_at = '') \
             OR (rotation = '' AND (unclean <> '' OR EXISTS ( \
                 SELECT 1 FROM access_key_pairs p WHERE p.access_key = k.id \
                 AND p.ends_at <> '' AND p.ends_at <= $1)))",
        )
        .bind(utc(now))
        .bind(utc(stale));
        let found = bounded("unfinished", query.fetch_all(&self.database.pool)).await?;
        found.iter().map(unfinished).collect()
    }
}

impl SqlDirectory {
    async fn end_key(
        &self,
        statement: &'static str,
        id: &AccessKeyId,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        let mut changing = bounded("access key", self.begin()).await?;
        let update = sqlx::query(statement)
            .bind(id.as_str())
            .bind(utc(event.cause.time));
        let ended = bounded("access key", update.execute(&mut *changing)).await?;
        if ended.rows_affected() == 0 {
            return Ok(false);
        }
        finish(changing, event).await?;
        Ok(true)
    }
}
