use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Error, Row};

use crate::domain::{BucketName, Owner};
use crate::service::RegistryError;

use crate::adapters::database::Database;
use crate::adapters::database::rows::{text, utc};
use crate::adapters::database::statement::failed;

use super::blocks::blocks;
use super::conditions::{Where, session_request};
use super::newest::{Newest, Rows, read};
use super::parts::{COMMANDS, Index, Parts};

macro_rules! select_entries {
    ($which:literal) => {
        concat!(
            "SELECT id, time, action, caller, owner_kind, owner_id, bucket, prefix, access, \
             access_key_id, expiration, dialect, request_id, detail, holder FROM audit_trail ",
            $which
        )
    };
}

pub(super) use select_entries;

/// What to look for in the audit trail. A field that is not set matches every row.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// The owner: an organisation, `organisation/workspace`, `client id/subject`, a subject through
    /// any client, an owner's pseudonym, or a session's name.
    pub owner: Option<String>,
    /// The owners with that pseudonym; also matches their access keys.
    pub owners: Vec<Owner>,
    /// The caller: `client id/subject`, a subject through any client, an API key's public part, a
    /// capability token's id, or an operator.
    pub caller: Option<String>,
    /// The bucket; also matches access keys that reach it.
    pub bucket: Option<BucketName>,
    /// The key: an access key id of the store, an access key (`ak_…`), an API key's public part, or
    /// a capability token's id.
    pub access_key: Option<String>,
    /// The earliest time.
    pub since: Option<DateTime<Utc>>,
    /// At most so many rows, the newest.
    pub limit: u32,
}

/// A row of the audit trail.
#[derive(Clone, Debug, serde::Serialize)]
pub struct AuditRow {
    /// When it happened.
    pub time: String,
    /// `vend` for a session, or the command that was run.
    pub action: String,
    /// Who caused it.
    pub caller: String,
    /// Whose storage it is about.
    pub owner: String,
    /// Who owns the access key, if it is about one.
    #[serde(rename = "holder")]
    pub access_key_owner: String,
    /// The bucket.
    pub bucket: String,
    /// The prefix, if it is not about the whole bucket.
    pub prefix: String,
    /// What a session may do.
    pub access: String,
    /// The id of the key.
    pub access_key_id: String,
    /// When the session ends.
    pub expiration: String,
    /// The dialect of the request.
    pub dialect: String,
    /// The request.
    pub request_id: String,
    /// Further text.
    pub detail: String,
}

impl AuditQuery {
    /// The newest rows that match, oldest first, and whether there are older ones.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the audit trail cannot be read.
    pub async fn run(&self, database: &Database) -> Result<(Vec<AuditRow>, bool), RegistryError> {
        // No request waits for this, so it has no time limit.
        let newest = database.run_unhurried(async |one| self.newest(one).await);
        let newest = newest.await.map_err(|error| failed("audit", &error))?;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let older = newest.len().saturating_sub(limit);
        let rows: Result<_, _> = newest.values().skip(older).map(entry).collect();
        Ok((rows?, older > 0))
    }

    /// The newest matching rows: all, or more than are wanted.
    async fn newest(&self, connection: &mut AnyConnection) -> Result<Rows, Error> {
        let Some(parts) = self.parts(connection).await? else {
            return read(self.conditions(), "id", self.limit, connection).await;
        };
        let blocks = blocks(self.since, None, connection).await?;
        self.newest_in(parts).read(blocks, connection).await
    }

    fn newest_in(&self, parts: Parts) -> Newest<impl Fn() -> Where> {
        Newest {
            parts,
            matching: || self.conditions(),
            limit: self.limit,
        }
    }

    /// Where matching rows can be, by one of the fields that are set; none if that is a single row or
    /// any.
    async fn parts(&self, connection: &mut AnyConnection) -> Result<Option<Parts>, Error> {
        if self.owner.as_deref().and_then(session_request).is_some() {
            return Ok(None);
        }
        Ok(if let Some(key) = &self.access_key {
            Some(Parts::of_key(key))
        } else if let Some(caller) = &self.caller {
            Some(Parts::called_by(caller))
        } else if let Some(owner) = &self.owner {
            let mut parts = Parts::owned_by(owner);
            for owner in &self.owners {
                parts.add_owner(&owner.id());
                parts.add_access_key_owner(&owner.to_string());
            }
            Some(parts)
        } else if let Some(bucket) = &self.bucket {
            Some(parts_of_bucket(bucket, connection).await?)
        } else {
            self.since.map(|since| Parts::since(&utc(since)))
        })
    }
}

/// Where rows of the bucket can be. People's rows, and those of access keys, are found by their owners.
async fn parts_of_bucket(
    bucket: &BucketName,
    connection: &mut AnyConnection,
) -> Result<Parts, Error> {
    let mut reaching = Where::default();
    let value = reaching.value(bucket.as_str());
    let names = reaching.names_in_detail(bucket);
    let statement = format!(
        "SELECT owner_id FROM owned_buckets WHERE bucket = {value} \
         UNION SELECT owner_id FROM former_buckets WHERE bucket = {value} \
         UNION SELECT owner_id FROM audit_trail WHERE {COMMANDS} AND action IN \
         ('access-key create', 'bucket release', 'bucket assign') AND {names} \
         UNION SELECT id FROM access_keys WHERE \
         ' ' || read_buckets || ' ' || write_buckets || ' ' LIKE '% ' || {value} || ' %' OR \
         (bucket_prefix <> '' AND substr({value}, 1, length(bucket_prefix)) = bucket_prefix)"
    );
    let mut parts = Parts::default();
    parts.add(Index::Bucket, bucket.as_str());
    for owner in reaching.fetch(statement, connection).await? {
        parts.add_owner(owner.try_get(0)?);
    }
    Ok(parts)
}

/// A row of [`select_entries`].
pub(super) fn entry(row: &AnyRow) -> Result<AuditRow, RegistryError> {
    let text = |column| text(row, column);
    Ok(AuditRow {
        time: text("time")?,
        action: text("action")?,
        caller: text("caller")?,
        owner: format!("{} {}", text("owner_kind")?, text("owner_id")?),
        access_key_owner: text("holder")?,
        bucket: text("bucket")?,
        prefix: text("prefix")?,
        access: text("access")?,
        access_key_id: text("access_key_id")?,
        expiration: text("expiration")?,
        dialect: text("dialect")?,
        request_id: text("request_id")?,
        detail: text("detail")?,
    })
}

#[cfg(test)]
mod tests;
