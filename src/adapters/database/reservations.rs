use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use crate::domain::{AuditEvent, BucketName, BucketOwner, Owner, OwnerPseudonym};
use crate::service::{
    Assigned, RegistryError, Released, Reservation, ReservationState, Reservations,
};

use super::SqlDirectory;
use super::bucket_owners;
use super::change::Change;
use super::principals::{ends_with, pairs, parse_principal, subject_suffix};
use super::registry::{SET_ASIDE_ONE, name, parse_state};
use super::rows::{parse, text, time_or_none, unknown, utc};

const OF_BUCKET: &str = "SELECT owner_kind, owner_id, bucket, state, claimed_at \
     FROM owned_buckets WHERE bucket = $1 \
     UNION ALL SELECT owner_kind, owner_id, bucket, '', '' FROM former_buckets WHERE bucket = $1";

/// Reads the indexes. In most collations the digits of a digest sort before `g`, but in Danish `aa` sorts
/// after `z`.
const BEGINNING_WITH: &str = "SELECT owner_kind, owner_id, bucket, state, claimed_at \
     FROM owned_buckets WHERE bucket >= $1 AND bucket < $1 || 'g' \
     UNION ALL SELECT owner_kind, owner_id, bucket, '', '' FROM former_buckets \
     WHERE bucket >= $1 AND bucket < $1 || 'g'";

/// Reads all rows.
const HOLDING: &str = "SELECT owner_kind, owner_id, bucket, state, claimed_at \
     FROM owned_buckets WHERE bucket LIKE '%' || $1 || '%' \
     UNION ALL SELECT owner_kind, owner_id, bucket, '', '' FROM former_buckets \
     WHERE bucket LIKE '%' || $1 || '%'";

#[async_trait]
impl Reservations for SqlDirectory {
    async fn owners_of_buckets(
        &self,
        pseudonym: &OwnerPseudonym,
        start: &str,
    ) -> Result<Vec<BucketOwner>, RegistryError> {
        for (statement, text) in [(BEGINNING_WITH, start), (HOLDING, pseudonym.as_str())] {
            let query = sqlx::query(statement).bind(text);
            let mut found = self.database.rows("buckets", query, reservation).await?;
            found.retain(|one| one.bucket.as_str().contains(text));
            if !found.is_empty() {
                return Ok(found.into_iter().map(|one| one.bucket_owner).collect());
            }
        }
        Ok(Vec::new())
    }

    async fn buckets_of(
        &self,
        owner: &str,
        pseudonym: Option<&OwnerPseudonym>,
    ) -> Result<Vec<BucketName>, RegistryError> {
        let pairs = pairs(owner);
        let places: Vec<String> = (3..3 + pairs.len()).map(|n| format!("${n}")).collect();
        // A person's bucket is named by the digest, whose start is the pseudonym. Digits are no
        // wildcards in LIKE, and no bucket has an empty name.
        let condition = format!(
            "(owner_kind = 'principal' AND (({}) OR bucket LIKE $2 OR owner_id IN ({}))) \
             OR (owner_kind = 'erased' AND (bucket LIKE $2 OR owner_id LIKE $2))",
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
        let bucket = |row: &AnyRow| parse(row, "bucket");
        self.database.rows("buckets", query, bucket).await
    }

    async fn reservations_of(
        &self,
        bucket: &BucketName,
    ) -> Result<Vec<Reservation>, RegistryError> {
        let query = sqlx::query(OF_BUCKET).bind(bucket.as_str());
        let mut all = self.database.rows("bucket", query, reservation).await?;
        let held = all.iter().find(|one| one.state.is_some());
        // An owner who has the bucket back is not listed as a former one, too.
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
        let mut change = Change::begin_keeping_owners(&self.database, "bucket").await?;
        let query = sqlx::query(OF_BUCKET).bind(bucket.as_str());
        let rows = change.rows(query, reservation).await?;
        let Some(held) = rows.iter().find(|row| row.state.is_some()) else {
            return Ok(Released::NotReserved);
        };
        if matches!(held.bucket_owner, BucketOwner::Shared(_)) {
            return Ok(Released::Shared);
        }
        for statement in SET_ASIDE_ONE {
            let statement = sqlx::query(statement).bind(bucket.as_str());
            change.execute(statement).await?;
        }
        change.commit_with(event).await?;
        Ok(Released::Yes)
    }

    async fn assign(
        &self,
        owner: &Owner,
        bucket: &BucketName,
        event: &AuditEvent,
    ) -> Result<Assigned, RegistryError> {
        let bucket_owner = owner.bucket_owner(bucket);
        let change = Change::begin_keeping_owners(&self.database, "bucket").await?;
        let mut change = change.check_formula().await?;
        let query = sqlx::query(OF_BUCKET).bind(bucket.as_str());
        let rows = change.rows(query, reservation).await?;
        if let Some(other) = rows.iter().find(|row| row.bucket_owner != bucket_owner) {
            return Ok(Assigned::Anothers(other.bucket_owner.clone()));
        }
        if rows
            .iter()
            .any(|row| row.state == Some(ReservationState::Ready))
        {
            return Ok(Assigned::Already);
        }
        let another = sqlx::query(
            "SELECT bucket FROM owned_buckets \
             WHERE owner_kind = $1 AND owner_id = $2 AND bucket <> $3",
        )
        .bind(bucket_owner.kind())
        .bind(bucket_owner.id())
        .bind(bucket.as_str());
        let another = change.row(another, |row| parse(row, "bucket")).await?;
        if let Some(another) = another {
            return Ok(Assigned::HasAnother(another));
        }
        let keys = bucket_owners::keys_that_reach(&mut change.lease.connection, bucket).await?;
        // For organisations and workspaces this was checked when they got their area.
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
        // The gateway treats the bucket as one that it created itself.
        .bind(name(ReservationState::Creating))
        .bind(utc(event.cause.time));
        change.execute(upsert).await?;
        change.commit_with(event).await?;
        Ok(Assigned::Yes)
    }
}

pub(super) fn reservation(row: &AnyRow) -> Result<Reservation, RegistryError> {
    let bucket: BucketName = parse(row, "bucket")?;
    let bucket_owner = match text(row, "owner_kind")?.as_str() {
        "principal" => BucketOwner::Principal(parse_principal(&text(row, "owner_id")?)?),
        "shared" => BucketOwner::Shared(bucket.clone()),
        "erased" => BucketOwner::Erased(parse(row, "owner_id")?),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::database::Database;
    use crate::service::fakes::alice;

    const PSEUDONYM: &str = "0123456789abcdef0123456789abcde";

    async fn open(directory: &tempfile::TempDir) -> Database {
        let file = directory.path().join("registry.db");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        Database::open(&url).await.unwrap()
    }

    #[tokio::test]
    async fn a_persons_bucket_is_found_by_its_start_wherever_it_sorts() {
        // `z` stands for digits that a collation sorts after `g`.
        for end in ["f", "z"] {
            let directory = tempfile::tempdir().unwrap();
            let database = open(&directory).await;
            let bucket: BucketName = format!("acme-{PSEUDONYM}{end}").parse().unwrap();
            let owner = alice().bucket_owner(&bucket);
            let insert = "INSERT INTO owned_buckets VALUES ($1, $2, $3, 'ready', '')";
            let insert = sqlx::query(insert)
                .bind(owner.kind())
                .bind(owner.id())
                .bind(bucket.as_str());
            database.execute("test", insert).await.unwrap();
            let (pseudonym, start) = (PSEUDONYM.parse().unwrap(), format!("acme-{PSEUDONYM}"));
            let directory = SqlDirectory::new(database);
            let found = directory.owners_of_buckets(&pseudonym, &start).await;
            assert_eq!(found.unwrap(), [owner], "{bucket}");
        }
    }

    #[tokio::test]
    async fn the_start_of_a_bucket_is_looked_up_in_the_indexes() {
        let directory = tempfile::tempdir().unwrap();
        let database = open(&directory).await;
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {BEGINNING_WITH}"));
        let explain = sqlx::query(explain).bind(PSEUDONYM);
        let step = |row: &AnyRow| text(row, "detail");
        let plan = database.rows("test", explain, step).await.unwrap();
        let by_index = |step: &&String| step.contains("(bucket>? AND bucket<?)");
        assert_eq!(plan.iter().filter(by_index).count(), 2, "{plan:?}");
    }
}
