use std::sync::Arc;

use async_trait::async_trait;
use chrono::SecondsFormat;
use sqlx::{AnyConnection, Connection, Row};

use crate::domain::{BucketName, BucketOwner, Owner};
use crate::service::{BucketRegistry, Clock, RegistryError, ReservationState, ReserveOutcome};

use super::Database;
use super::bucket_owners;
use super::connections::close;
use super::fingerprint::Fingerprint;
use super::pool::{bounded, failed};

/// Which owner has which bucket, in a database.
pub struct SqlBucketRegistry {
    database: Database,
    clock: Arc<dyn Clock>,
}

/// A part of the formula or the issuer that differs from what the registry was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FingerprintChange {
    /// The configuration's key.
    pub name: String,
    /// What the registry was made with.
    pub before: String,
    /// What is configured now.
    pub now: String,
}

impl FingerprintChange {
    fn between(name: &str, before: String, now: &str) -> Option<Self> {
        let (name, now) = (name.to_owned(), now.to_owned());
        (before != now).then_some(Self { name, before, now })
    }
}

impl SqlBucketRegistry {
    /// In this database.
    #[must_use]
    pub fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    /// Compares what bucket names are made with to what they were made with so far, and remembers
    /// it where nothing is remembered yet. Empty when nothing changed.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the registry cannot be read or written.
    pub async fn check_fingerprint(&self) -> Result<Vec<FingerprintChange>, RegistryError> {
        let mut changes = Vec::new();
        for (name, now) in self.database.fingerprint.parts() {
            let before = bounded("fingerprint", self.remember(name, now)).await?;
            changes.extend(FingerprintChange::between(name, before, now));
        }
        Ok(changes)
    }

    /// Takes the new fingerprint for granted from now on, on every replica: those with the former
    /// one hand out nothing any more. Where bucket names change, every owner is to get another
    /// bucket: what they had is set aside, still theirs, so that nobody else is given it and they
    /// find it again if the change is taken back.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the registry cannot be written.
    pub async fn accept_fingerprint(&self) -> Result<(), RegistryError> {
        let failed = |error| failed("fingerprint", &error);
        // Every owner's row moves: that may take longer than a statement of a request.
        let mut connection = self.database.open_unhurried().await.map_err(failed)?;
        let mut accepting = connection.begin().await.map_err(failed)?;
        // No reservation by the former formula comes in between.
        bucket_owners::keep(&mut accepting).await?;
        self.accept(&mut accepting).await.map_err(failed)?;
        accepting.commit().await.map_err(failed)?;
        close(connection).await;
        Ok(())
    }

    /// The name of this deployment: of all gateways on this registry. The first start makes it.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the registry cannot be read or written.
    pub async fn deployment(&self, fresh: [u8; 16]) -> Result<String, RegistryError> {
        bounded(
            "deployment",
            self.remember("deployment", &hex::encode(fresh)),
        )
        .await
    }

    /// Another replica may have accepted the same meanwhile: what changes is seen here.
    async fn accept(&self, accepting: &mut AnyConnection) -> Result<(), sqlx::Error> {
        let mut changed = Vec::new();
        for (name, now) in self.database.fingerprint.parts() {
            let updated =
                sqlx::query("UPDATE fingerprint SET value = $2 WHERE name = $1 AND value <> $2")
                    .bind(*name)
                    .bind(now)
                    .execute(&mut *accepting)
                    .await?;
            changed.extend((updated.rows_affected() > 0).then_some(*name));
        }
        if changed.iter().any(|name| name.starts_with("naming.")) {
            for statement in SET_ASIDE {
                sqlx::query(statement).execute(&mut *accepting).await?;
            }
        }
        Ok(())
    }

    /// Whether what bucket names are made with here is the registry's.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the registry cannot be read.
    pub async fn is_current(&self) -> Result<bool, RegistryError> {
        let Database {
            fingerprint, pool, ..
        } = &self.database;
        fingerprint.is_current_at(pool).await
    }

    /// Writes something, because a registry that can only be read is of no use.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when it cannot be written.
    pub async fn probe(&self) -> Result<(), RegistryError> {
        let statement = sqlx::query(
            "INSERT INTO probe (id, at) VALUES (1, $1) \
             ON CONFLICT (id) DO UPDATE SET at = excluded.at",
        );
        bounded(
            "probe",
            statement.bind(self.now()).execute(&self.database.pool),
        )
        .await?;
        Ok(())
    }

    async fn remember(&self, name: &str, now: &str) -> Result<String, sqlx::Error> {
        sqlx::query("INSERT INTO fingerprint (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(name)
            .bind(now)
            .execute(&self.database.pool)
            .await?;
        let row = sqlx::query("SELECT value FROM fingerprint WHERE name = $1")
            .bind(name)
            .fetch_one(&self.database.pool)
            .await?;
        row.try_get(0)
    }

    async fn find(
        &self,
        bucket_owner: &BucketOwner,
    ) -> Result<Option<(String, String)>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT bucket, state FROM owned_buckets WHERE owner_kind = $1 AND owner_id = $2",
        )
        .bind(bucket_owner.kind())
        .bind(bucket_owner.id())
        .fetch_optional(&self.database.pool)
        .await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .transpose()
    }

    /// Writes the reservation down, unless the bucket is or was another owner's, or another owner's
    /// access key still reaches it. A bucket that was the owner's own before a change of the formula
    /// is no stranger.
    async fn insert_reservation(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
    ) -> Result<(), RegistryError> {
        let mut reserving = bounded("reserve", self.database.pool.begin()).await?;
        // It writes first and asks then: see `bucket_owners`.
        let inserted = self.insert(&mut reserving, bucket_owner, bucket);
        let is_inserted = bounded("reserve", inserted).await?;
        let asked = self.database.fingerprint.is_current(&mut reserving);
        if !bounded("fingerprint", asked).await? {
            bounded("reserve", reserving.rollback()).await?;
            return Err(Fingerprint::outdated());
        }
        let is_owners = is_inserted
            && !is_reached(&mut reserving, bucket_owner, bucket).await?
            && bounded("reserve", settle(&mut reserving, bucket_owner, bucket)).await?;
        if is_owners {
            bounded("reserve", reserving.commit()).await
        } else {
            bounded("reserve", reserving.rollback()).await
        }
    }

    /// Says no when the bucket is another owner's, or the owner has another one.
    async fn insert(
        &self,
        reserving: &mut AnyConnection,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
    ) -> Result<bool, sqlx::Error> {
        let inserted = sqlx::query(
            "INSERT INTO owned_buckets (owner_kind, owner_id, bucket, state, claimed_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(bucket_owner.kind())
        .bind(bucket_owner.id())
        .bind(bucket.as_str())
        .bind(name(ReservationState::Reserved))
        .bind(self.now())
        .execute(reserving)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }

    fn now(&self) -> String {
        self.clock.now().to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

#[async_trait]
impl BucketRegistry for SqlBucketRegistry {
    async fn reserve(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
    ) -> Result<ReserveOutcome, RegistryError> {
        let mut row = bounded("reserve", self.find(bucket_owner)).await?;
        if row.is_none() {
            self.insert_reservation(bucket_owner, bucket).await?;
            row = bounded("reserve", self.find(bucket_owner)).await?;
        }
        // A row that another formula has made says nothing here.
        if !self.is_current().await? {
            return Err(Fingerprint::outdated());
        }
        match row {
            Some((held, state)) if held == bucket.as_str() => {
                parse_state(&state).map(ReserveOutcome::Reserved)
            }
            // Another bucket is held, or the insert gave way to a reservation of this one for another owner.
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
        let advanced = bounded("advance", statement.execute(&self.database.pool)).await?;
        if advanced.rows_affected() == 0 {
            return Err(RegistryError::not_reserved());
        }
        Ok(())
    }
}

/// Whether an access key of another owner still reaches the person's bucket. Shared buckets are asked
/// about when one gets a part of them.
async fn is_reached(
    reserving: &mut AnyConnection,
    bucket_owner: &BucketOwner,
    bucket: &BucketName,
) -> Result<bool, RegistryError> {
    let BucketOwner::Principal(principal) = bucket_owner else {
        return Ok(false);
    };
    let owner = Owner::Principal(principal.clone());
    let keys = bucket_owners::keys_that_reach(reserving, bucket).await?;
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

/// What a former owner has to do with a bucket that is being reserved: says no if it is another, and
/// lets its own owner go on with it.
async fn settle(
    reserving: &mut AnyConnection,
    bucket_owner: &BucketOwner,
    bucket: &BucketName,
) -> Result<bool, sqlx::Error> {
    let former = sqlx::query("SELECT owner_kind, owner_id FROM former_buckets WHERE bucket = $1")
        .bind(bucket.as_str())
        .fetch_optional(&mut *reserving)
        .await?;
    let Some(former) = former else {
        return Ok(true);
    };
    let (kind, id): (String, String) = (former.try_get(0)?, former.try_get(1)?);
    if (kind.as_str(), id) != (bucket_owner.kind(), bucket_owner.id()) {
        return Ok(false);
    }
    sqlx::query("UPDATE owned_buckets SET state = $2 WHERE bucket = $1")
        .bind(bucket.as_str())
        .bind(name(ReservationState::Creating))
        .execute(reserving)
        .await?;
    Ok(true)
}

/// Moves every principal's bucket out of the way. Organisations and workspaces stay where they are:
/// their buckets are written down, not computed.
const SET_ASIDE: [&str; 3] = [
    "DELETE FROM former_buckets WHERE bucket IN \
     (SELECT bucket FROM owned_buckets WHERE owner_kind = 'principal')",
    "INSERT INTO former_buckets (owner_kind, owner_id, bucket) \
     SELECT owner_kind, owner_id, bucket FROM owned_buckets WHERE owner_kind = 'principal' \
     AND state <> 'claimed'",
    "DELETE FROM owned_buckets WHERE owner_kind = 'principal'",
];

/// The same with one bucket. Of one that is no more than claimed nothing is remembered: what stands
/// at the store is not known to be the owner's, and must not become so because the owner comes back.
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
