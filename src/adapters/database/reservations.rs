use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::domain::{AuditEvent, BucketName, BucketOwner, Owner, OwnerPseudonym};
use crate::service::{
    Assigned, RegistryError, Released, Reservation, ReservationState, Reservations,
};

use super::SqlDirectory;
use super::access_keys::rows::principal;
use super::administration::finish;
use super::audit::search::{ends_with, pairs, subject_suffix};
use super::bucket_owners;
use super::pool::bounded;
use super::registry::{SET_ASIDE_ONE, name, parse_state};
use super::rows::{parse, text, time_or_none, unknown, utc};

const OF_BUCKET: &str = "SELECT owner_kind, owner_id, bucket, state, claimed_at \
     FROM owned_buckets WHERE bucket = $1 \
     UNION ALL SELECT owner_kind, owner_id, bucket, '', '' FROM former_buckets WHERE bucket = $1";

#[async_trait]
impl Reservations for SqlDirectory {
    async fn buckets_of(
        &self,
        owner: &str,
        pseudonym: Option<&OwnerPseudonym>,
    ) -> Result<Vec<BucketName>, RegistryError> {
        let pairs = pairs(owner);
        let places: Vec<String> = (3..3 + pairs.len()).map(|n| format!("${n}")).collect();
        // A person's bucket is named by the digest, which the pseudonym is the start of. Digits are no
        // wildcards of LIKE's, and no bucket is named by the empty text.
        let condition = format!(
            "owner_kind = 'principal' AND (({}) OR bucket LIKE $2 OR owner_id IN ({}))",
            ends_with("owner_id", "$1"),
            places.join(", ")
        );
        let statement = format!(
            "SELECT bucket FROM owned_buckets WHERE {condition} \
             UNION SELECT bucket FROM former_buckets WHERE {condition}"
        );
        let digits = pseudonym.map_or_else(String::new, |known| format!("%{known}%"));
        let mut query = sqlx::query(AssertSqlSafe(statement))
            .bind(subject_suffix(owner))
            .bind(digits);
        for pair in pairs {
            query = query.bind(pair);
        }
        let found = bounded("buckets", query.fetch_all(&self.database.pool)).await?;
        found.iter().map(|row| parse(row, "bucket")).collect()
    }

    async fn reservations_of(
        &self,
        bucket: &BucketName,
    ) -> Result<Vec<Reservation>, RegistryError> {
        let query = sqlx::query(OF_BUCKET).bind(bucket.as_str());
        let found = bounded("bucket", query.fetch_all(&self.database.pool)).await?;
        let all: Result<Vec<Reservation>, _> = found.iter().map(reservation).collect();
        let mut all = all?;
        let held = all.iter().find(|one| one.state.is_some());
        // That it was set aside says nothing where the owner has it back.
        if let Some(bucket_owner) = held.map(|held| held.bucket_owner.clone()) {
            all.retain(|one| one.state.is_some() || one.bucket_owner != bucket_owner);
        }
        Ok(all)
    }

    async fn release(
        &self,
        bucket: &BucketName,
        event: &AuditEvent,
    ) -> Result<Released, RegistryError> {
        let mut changing = bounded("bucket", self.begin()).await?;
        bucket_owners::keep(&mut changing).await?;
        let rows = reservations(&mut changing, bucket).await?;
        let Some(held) = rows.iter().find(|row| row.state.is_some()) else {
            return Ok(Released::NotReserved);
        };
        if matches!(held.bucket_owner, BucketOwner::Shared(_)) {
            return Ok(Released::Shared);
        }
        for statement in SET_ASIDE_ONE {
            let step = sqlx::query(statement).bind(bucket.as_str());
            bounded("bucket", step.execute(&mut *changing)).await?;
        }
        finish(changing, event).await?;
        Ok(Released::Yes)
    }

    async fn assign(
        &self,
        owner: &Owner,
        bucket: &BucketName,
        event: &AuditEvent,
    ) -> Result<Assigned, RegistryError> {
        let bucket_owner = owner.bucket_owner(bucket);
        let mut changing = bounded("bucket", self.begin()).await?;
        bucket_owners::keep(&mut changing).await?;
        let fingerprint = &self.database.fingerprint;
        fingerprint.must_be_current(&mut changing).await?;
        let rows = reservations(&mut changing, bucket).await?;
        if let Some(other) = rows.iter().find(|row| row.bucket_owner != bucket_owner) {
            return Ok(Assigned::Anothers(other.bucket_owner.clone()));
        }
        if rows
            .iter()
            .any(|row| row.state == Some(ReservationState::Ready))
        {
            return Ok(Assigned::Already);
        }
        let has = sqlx::query(
            "SELECT bucket FROM owned_buckets \
             WHERE owner_kind = $1 AND owner_id = $2 AND bucket <> $3",
        )
        .bind(bucket_owner.kind())
        .bind(bucket_owner.id())
        .bind(bucket.as_str());
        let has = bounded("bucket", has.fetch_optional(&mut *changing)).await?;
        if let Some(row) = has {
            return Ok(Assigned::HasAnother(parse(&row, "bucket")?));
        }
        let keys = bucket_owners::keys_that_reach(&mut changing, bucket).await?;
        // Organisations and workspaces were asked when they got their part of it.
        let is_persons = matches!(bucket_owner, BucketOwner::Principal(_));
        if is_persons && keys.iter().any(|key| key.opens_to_others(bucket, owner)) {
            return Ok(Assigned::Reached);
        }
        let upsert = sqlx::query(
            "INSERT INTO owned_buckets (owner_kind, owner_id, bucket, state, claimed_at) \
             VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (owner_kind, owner_id) DO UPDATE SET state = excluded.state",
        )
        .bind(bucket_owner.kind())
        .bind(bucket_owner.id())
        .bind(bucket.as_str())
        // Whatever stands there is taken for our own work from now on.
        .bind(name(ReservationState::Creating))
        .bind(utc(event.cause.time));
        bounded("bucket", upsert.execute(&mut *changing)).await?;
        finish(changing, event).await?;
        Ok(Assigned::Yes)
    }
}

async fn reservations(
    changing: &mut AnyConnection,
    bucket: &BucketName,
) -> Result<Vec<Reservation>, RegistryError> {
    let query = sqlx::query(OF_BUCKET).bind(bucket.as_str());
    let found = bounded("bucket", query.fetch_all(changing)).await?;
    found.iter().map(reservation).collect()
}

fn reservation(row: &AnyRow) -> Result<Reservation, RegistryError> {
    let bucket: BucketName = parse(row, "bucket")?;
    let bucket_owner = match text(row, "owner_kind")?.as_str() {
        "principal" => BucketOwner::Principal(principal(&text(row, "owner_id")?)?),
        "shared" => BucketOwner::Shared(bucket.clone()),
        _ => return Err(unknown("owner_kind")),
    };
    let state = match text(row, "state")?.as_str() {
        "" => None,
        state => Some(parse_state(state)?),
    };
    Ok(Reservation {
        bucket,
        bucket_owner,
        state,
        since: time_or_none(row, "claimed_at")?,
    })
}
