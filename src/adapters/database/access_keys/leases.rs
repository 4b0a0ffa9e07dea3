//! Leases: who is at an access key.

use chrono::{DateTime, Utc};

use crate::domain::{AccessKeyId, AccessKeyState};
use crate::service::{HeldLease, RegistryError, Taken};

use super::rows::{held_lease, unfinished};
use crate::adapters::database::SqlDirectory;
use crate::adapters::database::pool::bounded;
use crate::adapters::database::rows::{time_or_none, utc};

/// Takes the key. What the holder before has left unclean is the new holder's to clean. Taking counts
/// as a renewal: that tells the lease from one of an earlier version, which does not renew.
macro_rules! take {
    ($which:literal) => {
        concat!(
            "UPDATE access_keys SET rotation = $2, rotation_began_at = $3, renewals = 1, \
             unclean = CASE WHEN rotation = '' AND unclean = '' THEN '' ELSE $2 END WHERE ",
            $which
        )
    };
}

impl SqlDirectory {
    pub(in crate::adapters::database) async fn take_key(
        &self,
        id: &AccessKeyId,
        lease: &str,
        now: DateTime<Utc>,
        stale: DateTime<Utc>,
        gone: Option<&HeldLease>,
    ) -> Result<Taken, RegistryError> {
        let mut changing = bounded("access key", self.begin()).await?;
        // The first statement writes, so it locks the key until the transaction ends.
        let keep = sqlx::query("UPDATE access_keys SET rotation = rotation WHERE id = $1")
            .bind(id.as_str());
        bounded("access key", keep.execute(&mut *changing)).await?;
        let find = sqlx::query(
            "SELECT id, deleted_at, disabled_at, rotation, rotation_began_at, renewals \
             FROM access_keys WHERE id = $1",
        )
        .bind(id.as_str());
        let found = bounded("access key", find.fetch_optional(&mut *changing)).await?;
        let Some(row) = found else {
            return Ok(Taken::No);
        };
        let key = unfinished(&row)?;
        let held = held_lease(&row)?;
        let began = time_or_none(&row, "rotation_began_at")?;
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
            .bind(lease.to_owned())
            .bind(utc(now));
        bounded("access key", update.execute(&mut *changing)).await?;
        bounded("commit", changing.commit()).await?;
        Ok(Taken::Yes(key))
    }

    pub(in crate::adapters::database) async fn renew_lease(
        &self,
        id: &AccessKeyId,
        lease: &str,
    ) -> Result<bool, RegistryError> {
        let update = sqlx::query(
            "UPDATE access_keys SET renewals = renewals + 1 WHERE id = $1 AND rotation = $2",
        )
        .bind(id.as_str())
        .bind(lease.to_owned());
        let renewed = bounded("lease", update.execute(&self.database.pool)).await?;
        Ok(renewed.rows_affected() == 1)
    }

    pub(in crate::adapters::database) async fn held_leases(
        &self,
    ) -> Result<Vec<HeldLease>, RegistryError> {
        let query = "SELECT id, rotation, renewals FROM access_keys WHERE rotation <> ''";
        let found = sqlx::query(query).fetch_all(&self.database.pool);
        let found = bounded("leases", found).await?;
        found.iter().map(held_lease).collect()
    }

    pub(in crate::adapters::database) async fn take_key_to_rotate(
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
        .bind(lease.to_owned())
        .bind(utc(now))
        .bind(utc(stale));
        let begun = bounded("rotation", update.execute(&self.database.pool)).await?;
        Ok(begun.rows_affected() == 1)
    }

    pub(in crate::adapters::database) async fn give_key_back(
        &self,
        id: &AccessKeyId,
        lease: &str,
        state: Option<AccessKeyState>,
        is_clean: bool,
    ) -> Result<(), RegistryError> {
        if !is_clean {
            // First, and also when the lease is lost: another may have found the engine clean.
            let mark = sqlx::query("UPDATE access_keys SET unclean = $2 WHERE id = $1")
                .bind(id.as_str())
                .bind(lease.to_owned());
            bounded("rotation", mark.execute(&self.database.pool)).await?;
        }
        let unclean = if is_clean { "" } else { lease };
        let update = sqlx::query(
            "UPDATE access_keys SET rotation = '', rotation_began_at = '', renewals = 0, \
             unclean = CASE WHEN unclean = $2 THEN $4 ELSE unclean END, \
             state = CASE WHEN $3 = '' THEN state ELSE $3 END WHERE id = $1 AND rotation = $2",
        )
        .bind(id.as_str())
        .bind(lease.to_owned())
        .bind(state.map_or("", AccessKeyState::as_str))
        .bind(unclean.to_owned());
        bounded("rotation", update.execute(&self.database.pool)).await?;
        Ok(())
    }
}
