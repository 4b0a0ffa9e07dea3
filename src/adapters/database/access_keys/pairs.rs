//! Key pairs, and how a new one becomes the current one.

use chrono::{DateTime, Utc};

use crate::domain::{AccessKeyId, AccessKeyState, AuditEvent};
use crate::service::RegistryError;

use super::leases::lock_leased;
use crate::adapters::database::SqlDirectory;
use crate::adapters::database::change::Change;
use crate::adapters::database::rows::utc;

impl SqlDirectory {
    pub(super) async fn insert_pair(
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

    pub(super) async fn make_pair_current(
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

    pub(super) async fn end_unproven_pair(
        &self,
        id: &AccessKeyId,
        lease: &str,
        pair: &str,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        let lock = lock_leased(id, lease);
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
}
