use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use crate::domain::{BucketName, BucketOwner, Owner};
use crate::service::{BucketRegistry, Clock, RegistryError, ReservationState, ReserveOutcome};

use super::Database;
use super::bucket_owners;
use super::change::Change;
use super::fingerprint::Fingerprint;
use super::rows::{text, utc};
use super::statement::Statement;

/// Which owner has which bucket, in a database.
pub struct SqlBucketRegistry {
    pub(super) database: Database,
    clock: Arc<dyn Clock>,
}

impl SqlBucketRegistry {
    /// In this database.
    #[must_use]
    pub fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    /// Whether bucket names are made here with the registry's values.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the registry cannot be read.
    pub async fn is_current(&self) -> Result<bool, RegistryError> {
        self.database.has_current_formula().await
    }

    /// Writes to the registry: one that can only be read is of no use.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when it cannot be written.
    pub async fn probe(&self) -> Result<(), RegistryError> {
        let upsert = sqlx::query(
            "INSERT INTO probe (id, at) VALUES (1, $1) \
             ON CONFLICT (id) DO UPDATE SET at = excluded.at",
        );
        let upsert = upsert.bind(utc(self.clock.now()));
        self.database.execute("probe", upsert).await?;
        Ok(())
    }

    /// The owner's bucket, and its state as the registry has it.
    async fn find(
        &self,
        bucket_owner: &BucketOwner,
    ) -> Result<Option<(String, String)>, RegistryError> {
        let query = sqlx::query(
            "SELECT bucket, state FROM owned_buckets WHERE owner_kind = $1 AND owner_id = $2",
        )
        .bind(bucket_owner.kind())
        .bind(bucket_owner.id());
        self.database
            .row("reserve", query, |row| {
                Ok((text(row, "bucket")?, text(row, "state")?))
            })
            .await
    }

    /// Stores the reservation, unless the owner is blocked or has another bucket, the bucket is or was
    /// another owner's, or another owner's access key still reaches it. A bucket that the owner had
    /// before a change of the formula may be reserved again. Returns why the owner is blocked.
    async fn insert_reservation(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
    ) -> Result<Option<String>, RegistryError> {
        let insert = sqlx::query(
            "INSERT INTO owned_buckets (owner_kind, owner_id, bucket, state, claimed_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(bucket_owner.kind())
        .bind(bucket_owner.id())
        .bind(bucket.as_str())
        .bind(name(ReservationState::Reserved))
        .bind(utc(self.clock.now()));
        let Some(change) = Change::begin(&self.database, "reserve", insert).await? else {
            return Ok(None);
        };
        let mut change = change.check_formula().await?;
        let blocked = block_of(bucket_owner, bucket, self.clock.now());
        if let Some(reason) = change.row(blocked, reason).await? {
            change.roll_back().await?;
            return Ok(Some(reason));
        }
        let is_owners = !is_reached(&mut change, bucket_owner, bucket).await?
            && settle(&mut change, bucket_owner, bucket).await?;
        if is_owners {
            change.commit().await?;
        } else {
            change.roll_back().await?;
        }
        Ok(None)
    }
}

#[async_trait]
impl BucketRegistry for SqlBucketRegistry {
    async fn reserve(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
    ) -> Result<ReserveOutcome, RegistryError> {
        let mut row = self.find(bucket_owner).await?;
        let blocked = if row.is_none() {
            let blocked = self.insert_reservation(bucket_owner, bucket).await?;
            row = self.find(bucket_owner).await?;
            blocked
        } else {
            let blocked = block_of(bucket_owner, bucket, self.clock.now());
            self.database.row("reserve", blocked, reason).await?
        };
        // A row that another formula made does not count.
        if !self.is_current().await? {
            return Err(Fingerprint::outdated());
        }
        if let Some(reason) = blocked {
            return Ok(ReserveOutcome::Blocked(reason));
        }
        match row {
            Some((held, state)) if held == bucket.as_str() => {
                parse_state(&state).map(ReserveOutcome::Held)
            }
            // The owner has another bucket, or another owner reserved this one.
            _ => Ok(ReserveOutcome::Conflict),
        }
    }

    async fn advance(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
        to: ReservationState,
    ) -> Result<(), RegistryError> {
        let statement = sqlx::query(
            "UPDATE owned_buckets SET state = CASE WHEN state = 'ready' THEN state ELSE $4 END \
             WHERE owner_kind = $1 AND owner_id = $2 AND bucket = $3",
        );
        let statement = statement
            .bind(bucket_owner.kind())
            .bind(bucket_owner.id())
            .bind(bucket.as_str())
            .bind(name(to));
        if self.database.execute("advance", statement).await? == 0 {
            return Err(RegistryError::not_reserved());
        }
        Ok(())
    }

    async fn state(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
    ) -> Result<Option<ReservationState>, RegistryError> {
        let found = self.find(bucket_owner).await?;
        let found = found.filter(|(held, _)| held == bucket.as_str());
        found.map(|(_, state)| parse_state(&state)).transpose()
    }
}

/// Reads why the bucket's owner is blocked, if it is. What a gateway knows of blocks may be outdated, and
/// an owner who is being erased must not get a bucket again. Nobody but the person asks for a person's own
/// bucket, so a block of the caller or the client counts, too. A person who was erased is blocked by the
/// pseudonym, which is part of the bucket's name.
fn block_of(
    bucket_owner: &BucketOwner,
    bucket: &BucketName,
    now: DateTime<Utc>,
) -> Statement<'static> {
    let client = match bucket_owner {
        BucketOwner::Principal(principal) => principal.client_id.as_str(),
        // No client has an empty id.
        BucketOwner::Shared(_) | BucketOwner::Erased(_) => "",
    };
    sqlx::query(
        "SELECT reason FROM blocks WHERE (until = '' OR until > $3) AND ((kind = 'client' AND name = $4) \
         OR (kind IN ('owner', 'caller') AND (name = $1 OR (name LIKE 'principal %' \
         AND CAST($2 AS TEXT) LIKE '%' || substr(name, 11) || '%'))))",
    )
    .bind(format!("{} {}", bucket_owner.kind(), bucket_owner.id()))
    .bind(bucket.to_string())
    .bind(utc(now))
    .bind(client.to_owned())
}

fn reason(row: &AnyRow) -> Result<String, RegistryError> {
    text(row, "reason")
}

/// Whether an access key of another owner still reaches the person's bucket. For shared buckets this
/// is checked when an owner gets an area.
async fn is_reached(
    change: &mut Change,
    bucket_owner: &BucketOwner,
    bucket: &BucketName,
) -> Result<bool, RegistryError> {
    let BucketOwner::Principal(principal) = bucket_owner else {
        return Ok(false);
    };
    let owner = Owner::Principal(principal.clone());
    let keys = bucket_owners::keys_that_reach(&mut change.lease.connection, bucket).await?;
    let reaching = keys.iter().find(|key| key.opens_to_others(bucket, &owner));
    if let Some(key) = reaching {
        tracing::error!(
            alarm = "access-key-conflict",
            key = %key.id,
            bucket = %bucket,
            "a person's own bucket is reached by another owner's access key: disable the key; the \
             person gets the bucket when its pairs are ended"
        );
    }
    Ok(reaching.is_some())
}

/// Returns false if the bucket was another owner's. Its former owner goes on with the bucket as it
/// stands, and a person who was erased gets it anew: no one else's bucket has this name by a formula.
async fn settle(
    change: &mut Change,
    bucket_owner: &BucketOwner,
    bucket: &BucketName,
) -> Result<bool, RegistryError> {
    let query = sqlx::query("SELECT owner_kind, owner_id FROM former_buckets WHERE bucket = $1")
        .bind(bucket.as_str());
    let former = change.row(query, |row| {
        Ok((text(row, "owner_kind")?, text(row, "owner_id")?))
    });
    let Some((kind, id)) = former.await? else {
        return Ok(true);
    };
    let is_back = kind == "erased" && matches!(bucket_owner, BucketOwner::Principal(_));
    if !is_back && (kind.as_str(), id) != (bucket_owner.kind(), bucket_owner.id()) {
        return Ok(false);
    }
    if is_back {
        let delete =
            sqlx::query("DELETE FROM former_buckets WHERE bucket = $1 AND owner_kind = 'erased'");
        change.execute(delete.bind(bucket.as_str())).await?;
    }
    let update = sqlx::query("UPDATE owned_buckets SET state = $2 WHERE bucket = $1")
        .bind(bucket.as_str())
        .bind(name(ReservationState::Creating));
    change.execute(update).await?;
    Ok(true)
}

/// Sets one bucket aside. A bucket that is only reserved is forgotten: the store may have a bucket of
/// that name that is not the owner's, and it must not become the owner's later.
pub(super) const SET_ASIDE_ONE: [&str; 2] = [
    "INSERT INTO former_buckets (owner_kind, owner_id, bucket) \
     SELECT owner_kind, owner_id, bucket FROM owned_buckets WHERE bucket = $1 \
     AND state <> 'claimed' ON CONFLICT (bucket) DO NOTHING",
    "DELETE FROM owned_buckets WHERE bucket = $1",
];

pub(super) fn name(state: ReservationState) -> &'static str {
    match state {
        ReservationState::Reserved => "claimed",
        ReservationState::Creating => "creating",
        ReservationState::Ready => "ready",
    }
}

pub(super) fn parse_state(state: &str) -> Result<ReservationState, RegistryError> {
    [
        ReservationState::Reserved,
        ReservationState::Creating,
        ReservationState::Ready,
    ]
    .into_iter()
    .find(|known| name(*known) == state)
    .ok_or_else(|| RegistryError::new("reserve: a state that this version does not know"))
}

#[cfg(test)]
mod tests;
