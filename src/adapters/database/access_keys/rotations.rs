//! Leases and pairs: which process works at an access key, and how a new pair becomes the current one.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{AccessKeyId, AccessKeyState, AuditEvent};
use crate::service::{
    AccessKeyRotations, HeldLease, RecordedPair, RegistryError, Taken, Unfinished,
};

use super::rows::{held_lease, recorded_pair, unfinished};
use crate::adapters::database::SqlDirectory;
use crate::adapters::database::change::Change;
use crate::adapters::database::rows::{time_or_none, utc};

/// Takes the key. What the lease before left unclean is now this lease's to clean. Taking counts as
/// a renewal: that tells the lease from one of an earlier version, which does not renew.
macro_rules! take {
    ($which:literal) => {
        concat!(
            "UPDATE access_keys SET rotation = $2, rotation_began_at = $3, renewals = 1, \
             unclean = CASE WHEN rotation = '' AND unclean = '' THEN '' ELSE $2 END WHERE ",
            $which
        )
    };
}

#[async_trait]
impl AccessKeyRotations for SqlDirectory {
    async fn take(
        &self,
        id: &AccessKeyId,
        lease: &str,
        now: DateTime<Utc>,
        stale: DateTime<Utc>,
        gone: Option<&HeldLease>,
    ) -> Result<Taken, RegistryError> {
        let lock = sqlx::query("UPDATE access_keys SET rotation = rotation WHERE id = $1")
            .bind(id.as_str());
        let Some(mut change) = Change::begin(&self.database, "access key", lock).await? else {
            return Ok(Taken::No);
        };
        let find = sqlx::query(
            "SELECT id, deleted_at, disabled_at, rotation, rotation_began_at, renewals \
             FROM access_keys WHERE id = $1",
        )
        .bind(id.as_str());
        let found = change.row(find, |row| {
            let began = time_or_none(row, "rotation_began_at")?;
            Ok((unfinished(row)?, held_lease(row)?, began))
        });
        let Some((key, held, began)) = found.await? else {
            return Ok(Taken::No);
        };
        let is_at_work = !held.name.is_empty()
            && began.is_some_and(|began| began >= stale)
            && gone != Some(&held);
        if is_at_work {
            let is_over = key.is_disabled || key.is_deleted;
            return Ok(if is_over {
                Taken::Besides(key)
            } else {
                Taken::No
            });
        }
        let update = sqlx::query(take!("id = $1"))
            .bind(id.as_str())
            .bind(lease)
            .bind(utc(now));
        change.execute(update).await?;
        change.commit().await?;
        Ok(Taken::Yes(key))
    }

    async fn renew(&self, id: &AccessKeyId, lease: &str) -> Result<bool, RegistryError> {
        let update = sqlx::query(
            "UPDATE access_keys SET renewals = renewals + 1 WHERE id = $1 AND rotation = $2",
        )
        .bind(id.as_str())
        .bind(lease);
        Ok(self.database.execute("lease", update).await? == 1)
    }

    async fn leases(&self) -> Result<Vec<HeldLease>, RegistryError> {
        let query = "SELECT id, rotation, renewals FROM access_keys WHERE rotation <> ''";
        self.database
            .rows("leases", sqlx::query(query), held_lease)
            .await
    }

    async fn begin_rotation(
        &self,
        id: &AccessKeyId,
        lease: &str,
        now: DateTime<Utc>,
        stale: DateTime<Utc>,
    ) -> Result<bool, RegistryError> {
        let update = sqlx::query(take!(
            "id = $1 AND disabled_at = '' AND deleted_at = '' \
             AND (rotation = '' OR rotation_began_at < $4)"
        ))
        .bind(id.as_str())
        .bind(lease)
        .bind(utc(now))
        .bind(utc(stale));
        Ok(self.database.execute("rotation", update).await? == 1)
    }

    async fn record_pair(
        &self,
        id: &AccessKeyId,
        lease: &str,
        pair: &str,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        let Some(change) = self.begin_pair(id, lease, AccessKeyState::Pending).await? else {
            return Ok(false);
        };
        let mut change = change.check_formula().await?;
        let insert = sqlx::query(
            "INSERT INTO access_key_pairs (access_key, access_key_id, issued_at, unproven) \
             VALUES ($1, $2, $3, 'yes')",
        )
        .bind(id.as_str())
        .bind(pair)
        .bind(utc(event.cause.time));
        change.execute(insert).await?;
        change.commit_with(event).await?;
        Ok(true)
    }

    async fn promote_pair(
        &self,
        id: &AccessKeyId,
        lease: &str,
        pair: &str,
        ends: DateTime<Utc>,
    ) -> Result<bool, RegistryError> {
        let Some(mut change) = self.begin_pair(id, lease, AccessKeyState::Active).await? else {
            return Ok(false);
        };
        let retire = sqlx::query(
            "UPDATE access_key_pairs SET ends_at = $3 \
             WHERE access_key = $1 AND access_key_id <> $2 AND ends_at = ''",
        )
        .bind(id.as_str())
        .bind(pair)
        .bind(utc(ends));
        change.execute(retire).await?;
        let promote = sqlx::query(
            "UPDATE access_key_pairs SET unproven = '' \
             WHERE access_key = $1 AND access_key_id = $2",
        )
        .bind(id.as_str())
        .bind(pair);
        change.execute(promote).await?;
        change.commit().await?;
        Ok(true)
    }

    async fn give_up_pair(
        &self,
        id: &AccessKeyId,
        lease: &str,
        pair: &str,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        let lock = sqlx::query(
            "UPDATE access_keys SET rotation = rotation WHERE id = $1 AND rotation = $2",
        )
        .bind(id.as_str())
        .bind(lease);
        let Some(mut change) = Change::begin(&self.database, "pair", lock).await? else {
            return Ok(());
        };
        // A statement after the one that waits for the lock: on PostgreSQL only it sees a promotion
        // that was committed meanwhile.
        let end = sqlx::query(
            "UPDATE access_key_pairs SET ends_at = $3 \
             WHERE access_key = $1 AND access_key_id = $2 AND unproven <> ''",
        )
        .bind(id.as_str())
        .bind(pair)
        .bind(utc(now));
        if change.execute(end).await? == 0 {
            return change.roll_back().await;
        }
        let fail = sqlx::query("UPDATE access_keys SET state = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(AccessKeyState::Failed.as_str());
        change.execute(fail).await?;
        change.commit().await
    }

    async fn end_rotation(
        &self,
        id: &AccessKeyId,
        lease: &str,
        state: Option<AccessKeyState>,
        is_clean: bool,
    ) -> Result<(), RegistryError> {
        if !is_clean {
            // First, and even when the lease is lost: another process may have found the engine clean.
            let mark = sqlx::query("UPDATE access_keys SET unclean = $2 WHERE id = $1")
                .bind(id.as_str())
                .bind(lease);
            self.database.execute("rotation", mark).await?;
        }
        let update = sqlx::query(
            "UPDATE access_keys SET rotation = '', rotation_began_at = '', renewals = 0, \
             unclean = CASE WHEN unclean = $2 THEN $4 ELSE unclean END, \
             state = CASE WHEN $3 = '' THEN state ELSE $3 END WHERE id = $1 AND rotation = $2",
        )
        .bind(id.as_str())
        .bind(lease)
        .bind(state.map_or("", AccessKeyState::as_str))
        .bind(if is_clean { "" } else { lease });
        self.database.execute("rotation", update).await?;
        Ok(())
    }

    async fn recorded_pairs(&self, id: &AccessKeyId) -> Result<Vec<RecordedPair>, RegistryError> {
        let query = sqlx::query(
            "SELECT access_key_id, ends_at, unproven FROM access_key_pairs \
             WHERE access_key = $1 ORDER BY issued_at",
        )
        .bind(id.as_str());
        self.database.rows("pairs", query, recorded_pair).await
    }

    async fn forget_pair(&self, id: &AccessKeyId, pair: &str) -> Result<(), RegistryError> {
        let delete = sqlx::query(
            "DELETE FROM access_key_pairs WHERE access_key = $1 AND access_key_id = $2",
        )
        .bind(id.as_str())
        .bind(pair);
        self.database.execute("pairs", delete).await?;
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
        self.database.rows("unfinished", query, unfinished).await
    }
}

impl SqlDirectory {
    /// Locks the key and sets its state, unless the lease or the key is over.
    async fn begin_pair(
        &self,
        id: &AccessKeyId,
        lease: &str,
        state: AccessKeyState,
    ) -> Result<Option<Change>, RegistryError> {
        let update = sqlx::query(
            "UPDATE access_keys SET state = $3 WHERE id = $1 AND rotation = $2 \
             AND disabled_at = '' AND deleted_at = ''",
        )
        .bind(id.as_str())
        .bind(lease)
        .bind(state.as_str());
        Change::begin(&self.database, "pair", update).await
    }
}
