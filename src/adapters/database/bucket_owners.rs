//! Whose a bucket is and which access keys reach it: two questions that must be answered in the
//! transaction that changes either side.
//!
//! A reservation and an area write to `owned_buckets` first, an access key is added behind [`keep`].
//! So one waits for the other, on `SQLite` (which has one writer) and on `PostgreSQL` alike, and each
//! reads what the other has committed.

use sqlx::AnyConnection;

use crate::domain::{AccessKey, AccessKeyRights, BucketName, BucketPrefix};
use crate::service::{BucketTenant, KnownBuckets, RegistryError};

use super::access_keys::rows::{access_key, select_access_keys, tenant};
use super::pool::bounded;
use super::rows::text;

/// Keeps buckets from getting another owner until the transaction ends.
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
    let found = bounded("access keys", query.fetch_all(connection)).await?;
    found.iter().map(access_key).collect()
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
    let found = bounded("bucket", query.fetch_all(connection)).await?;
    let owners: Result<Vec<BucketTenant>, _> = found.iter().map(tenant).collect();
    let mut owners = owners?;
    // That it is shared says nothing beside who shares it.
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
    let found = bounded("buckets", query.fetch_optional(connection)).await?;
    found.map(|row| text(&row, "bucket")).transpose()
}
