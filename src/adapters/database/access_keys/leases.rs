//! Leases: which process works at an access key.

use chrono::{DateTime, Utc};

use crate::domain::{AccessKeyId, AccessKeyState};
use crate::service::{HeldLease, RegistryError, Taken};

use super::rows::{held_lease, unfinished};
use crate::adapters::database::SqlDirectory;
use crate::adapters::database::change::Change;
use crate::adapters::database::rows::{time_or_none, utc};
use crate::adapters::database::statement::Statement;

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

/// Locks the key, unless this lease is over.
pub(super) fn lock_leased(id: &AccessKeyId, lease: &str) -> Statement<'static> {
    sqlx::query("UPDATE access_keys SET rotation = rotation WHERE id = $1 AND rotation = $2")
        .bind(id.as_str())
        .bind(lease)
}

impl SqlDirectory {
    pub(super) async fn take_key(
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

    pub(super) async fn take_key_to_rotate(
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

    pub(super) async fn give_key_back(
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
}
