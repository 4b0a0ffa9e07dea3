//! Who owns a bucket, and which access keys reach it. A transaction that changes one of the two has to
//! check the other.
//!
//! A reservation and an area write to `owned_buckets` first; an access key is added after [`keep`].
//! So one waits for the other, on `SQLite` (which has one writer) and on `PostgreSQL`, and reads what
//! the other has committed.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::domain::{AccessKey, AccessKeyRights, BucketName, BucketPrefix};
use crate::service::{BucketTenant, KnownBuckets, RegistryError};

use super::access_keys::rows::{access_key, select_access_keys};
use super::principals::parse_principal;
use super::rows::{parse, text, unknown};
use super::statement::{bounded, row, rows};

/// Stops buckets from getting another owner until the transaction ends.
pub(super) async fn keep(changing: &mut AnyConnection) -> Result<(), RegistryError> {
    let statements: &[&'static str] = match changing.backend_name() {
        // Conflicts with itself and with every insert and update of the table, not with reading.
        "PostgreSQL" => &[
            "SET LOCAL lock_timeout = '3s'",
            "LOCK TABLE owned_buckets IN SHARE ROW EXCLUSIVE MODE",
        ],
        // A statement that writes takes the file's lock, whether it finds a row or not.
        _ => &["UPDATE owned_buckets SET state = state WHERE bucket = ''"],
    };
    for statement in statements {
        bounded("buckets", sqlx::query(*statement).execute(&mut *changing)).await?;
    }
    Ok(())
}

/// The access keys that reach the bucket and whose pairs are not proven dead.
pub(super) async fn keys_that_reach(
    connection: &mut AnyConnection,
    bucket: &BucketName,
) -> Result<Vec<AccessKey>, RegistryError> {
    // Names of buckets hold no wildcard of LIKE's, and lists of them are words.
    let query = sqlx::query(select_access_keys!(
        "cleaned_at = '' AND ((' ' || read_buckets || ' ' || write_buckets || ' ') LIKE $1 \
         OR (all_rights <> '' AND bucket_prefix <> '' \
             AND substr($2, 1, length(bucket_prefix)) = bucket_prefix)) \
         ORDER BY created_at, id"
    ))
    .bind(format!("% {bucket} %"))
    .bind(bucket.as_str());
    rows("access keys", query.fetch_all(connection), access_key).await
}

/// Who owns the buckets that these rights reach.
pub(super) async fn known_buckets(
    connection: &mut AnyConnection,
    rights: &AccessKeyRights,
) -> Result<KnownBuckets, RegistryError> {
    let mut known = KnownBuckets::default();
    if let Some(prefix) = rights.prefix.as_ref().filter(|_| rights.reaches_all()) {
        known.under_prefix = owned_under(connection, prefix).await?;
    }
    for bucket in rights.buckets() {
        let owners = owners_of(connection, bucket).await?;
        known.named.push((bucket.clone(), owners));
    }
    Ok(known)
}

async fn owners_of(
    connection: &mut AnyConnection,
    bucket: &BucketName,
) -> Result<Vec<BucketTenant>, RegistryError> {
    let query = sqlx::query(
        "SELECT owner_kind, owner_id FROM owned_buckets WHERE bucket = $1 \
         UNION SELECT owner_kind, owner_id FROM former_buckets WHERE bucket = $1 \
         UNION SELECT owner_kind, owner_id FROM areas WHERE bucket = $1",
    )
    .bind(bucket.as_str());
    let mut owners = rows("bucket", query.fetch_all(connection), tenant).await?;
    // Those who share it say more than that it is shared.
    if owners.len() > 1 {
        owners.retain(|owner| *owner != BucketTenant::Unassigned);
    }
    Ok(owners)
}

async fn owned_under(
    connection: &mut AnyConnection,
    prefix: &BucketPrefix,
) -> Result<Option<String>, RegistryError> {
    // Prefixes hold no wildcard of LIKE's.
    let query = sqlx::query(
        "SELECT bucket FROM owned_buckets WHERE bucket LIKE $1 \
         UNION SELECT bucket FROM former_buckets WHERE bucket LIKE $1 \
         UNION SELECT bucket FROM areas WHERE bucket LIKE $1",
    )
    .bind(format!("{}%", prefix.as_str()));
    let bucket = |row: &AnyRow| text(row, "bucket");
    row("buckets", query.fetch_optional(connection), bucket).await
}

fn tenant(row: &AnyRow) -> Result<BucketTenant, RegistryError> {
    match text(row, "owner_kind")?.as_str() {
        "principal" => Ok(BucketTenant::Principal(parse_principal(&text(
            row, "owner_id",
        )?)?)),
        "organisation" => Ok(BucketTenant::Organisation(parse(row, "owner_id")?)),
        "workspace" => Ok(BucketTenant::Workspace),
        "shared" => Ok(BucketTenant::Unassigned),
        "erased" => Ok(BucketTenant::Erased),
        _ => Err(unknown("owner_kind")),
    }
}
