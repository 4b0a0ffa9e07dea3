//! Owners that are or were erased, and where the registry names a person.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;
use sqlx::{Error, Executor, Row};

use crate::domain::{AccessKeyId, AuditEvent, BucketName, OwnerPseudonym};
use crate::service::{
    AccessKeyRegistry as _, Erased, Erasure, Erasures, Person, RegistryError, Reservation, Tally,
    Traces,
};

use super::audit::forget;
use super::change::Change;
use super::members;
use super::principals::{parse_principal, subject_suffix};
use super::reservations::reservation;
use super::restrictions::count_change;
use super::rows::{parse, text, time, time_or_none, unknown, utc, utc_or_empty};
use super::statement::failed;
use super::{Database, SqlDirectory};

const OF_PERSON: &str = "SELECT owner_kind, owner_id, bucket, state, claimed_at FROM owned_buckets \
     WHERE owner_kind = 'principal' AND owner_id = $1 \
     UNION ALL SELECT owner_kind, owner_id, bucket, '', '' FROM former_buckets f \
     WHERE ((owner_kind = 'principal' AND owner_id = $1) OR (owner_kind = 'erased' AND owner_id = $2)) \
     AND NOT EXISTS (SELECT 1 FROM owned_buckets o WHERE o.bucket = f.bucket)";

/// The people with buckets whose id ends like this one's.
const PEOPLE_LIKE: &str = "SELECT owner_id FROM owned_buckets WHERE owner_kind = 'principal' \
     AND owner_id <> $1 AND substr(owner_id, length(owner_id) - length($2) + 1) = $2 \
     UNION ALL SELECT owner_id FROM former_buckets WHERE owner_kind = 'principal' \
     AND owner_id <> $1 AND substr(owner_id, length(owner_id) - length($2) + 1) = $2";

/// Keeps the person's buckets for the pseudonym. A bucket that was only reserved is forgotten: the store
/// may have a bucket of that name that was never the person's.
const KEEP_BUCKETS: [&str; 2] = [
    "UPDATE former_buckets SET owner_kind = 'erased', owner_id = $2 \
     WHERE owner_kind = 'principal' AND owner_id = $1",
    "INSERT INTO former_buckets (owner_kind, owner_id, bucket) \
     SELECT 'erased', $2, bucket FROM owned_buckets WHERE owner_kind = 'principal' \
     AND owner_id = $1 AND state <> 'claimed' ON CONFLICT (bucket) DO NOTHING",
];

/// The person stays blocked, by the pseudonym. An earlier erasure may have left blocks of that name; they
/// stay unless there are new ones, because two erasures may run at once.
const BLOCK_BY_PSEUDONYM: [&str; 2] = [
    "DELETE FROM blocks WHERE name = $2 AND EXISTS \
     (SELECT 1 FROM blocks b WHERE b.name = $1 AND b.kind = blocks.kind)",
    "UPDATE blocks SET name = $2, reason = 'erased' WHERE name = $1 AND kind IN ('owner', 'caller')",
];

const END_RESERVATION: &str =
    "DELETE FROM owned_buckets WHERE owner_kind = 'principal' AND owner_id = $1";

#[async_trait]
impl Erasures for SqlDirectory {
    async fn reservations_of_person(
        &self,
        person: Person<'_>,
    ) -> Result<Vec<Reservation>, RegistryError> {
        let query = sqlx::query(OF_PERSON)
            .bind(person.principal.to_string())
            .bind(person.pseudonym.as_str());
        self.database.rows("buckets", query, reservation).await
    }

    async fn traces(&self, person: Person<'_>) -> Result<Traces, RegistryError> {
        let principal = person.principal;
        let database = &self.database;
        let client_id = Some(&principal.client_id);
        let by_client = members::workspaces_through(database, principal, client_id).await?;
        let by_any_client = members::workspaces_through(database, principal, None).await?;
        let like = sqlx::query(PEOPLE_LIKE)
            .bind(principal.to_string())
            .bind(subject_suffix(principal.subject.as_str()));
        let person_of = |row: &AnyRow| parse_principal(&text(row, "owner_id")?);
        let like = database.rows("buckets", like, person_of).await?.into_iter();
        // The same subject at another issuer is another person.
        let buckets = like
            .filter(|other| other.issuer == principal.issuer)
            .count();
        let memberships = members::through_other_clients(database, principal).await?;
        let elsewhere = buckets as u64 + memberships;
        let is_whole = elsewhere == 0;
        let person = Person { is_whole, ..person };
        let counting = database.run_unhurried(async |one| forget::count(person, one).await);
        let audit_rows = counting.await.map_err(|error| failed("audit", &error))?;
        Ok(Traces {
            workspaces: by_client,
            workspaces_by_any_client: by_any_client,
            audit_rows,
            elsewhere,
        })
    }

    async fn access_keys(
        &self,
        person: Option<Person<'_>>,
        buckets: &[BucketName],
    ) -> Result<Vec<AccessKeyId>, RegistryError> {
        let mut found: Vec<AccessKeyId> = Vec::new();
        if let Some(person) = person {
            // An access key of a subject is one of a person of oauth.issuer.
            let is_subject = person.is_whole && person.principal.issuer.is_none();
            let subject = person.principal.subject.as_str();
            let query = sqlx::query(
                "SELECT id FROM access_keys WHERE (owner_kind = 'principal' AND owner_id = $1) \
                 OR (owner_kind = 'subject' AND owner_id = $2) ORDER BY created_at, id",
            )
            .bind(person.principal.to_string())
            // No subject is empty.
            .bind(if is_subject { subject } else { "" });
            let id = |row: &AnyRow| parse(row, "id");
            found = self.database.rows("access keys", query, id).await?;
        }
        for bucket in buckets {
            for key in self.keys_that_reach(bucket).await? {
                if !found.contains(&key.id) {
                    found.push(key.id);
                }
            }
        }
        Ok(found)
    }

    async fn erasure(&self, owner: &OwnerPseudonym) -> Result<Option<Erasure>, RegistryError> {
        let query = sqlx::query(
            "SELECT begun_at, sessions_end, finished_at, versions, delete_markers, uploads, bytes \
             FROM erasures WHERE owner = $1",
        )
        .bind(owner.as_str());
        self.database.row("erasure", query, erasure).await
    }

    async fn begin(
        &self,
        owner: &OwnerPseudonym,
        event: &AuditEvent,
    ) -> Result<Erasure, RegistryError> {
        // An erasure that was finished is over: its owner has come back.
        let upsert = sqlx::query(
            "INSERT INTO erasures (owner, begun_at) VALUES ($1, $2) \
             ON CONFLICT (owner) DO UPDATE SET begun_at = excluded.begun_at, sessions_end = '', \
             finished_at = '', versions = 0, delete_markers = 0, uploads = 0, bytes = 0 \
             WHERE erasures.finished_at <> ''",
        )
        .bind(owner.as_str())
        .bind(utc(event.cause.time));
        if !Change::commit_one(&self.database, "erasure", upsert, event).await? {
            // It goes on, perhaps at the hands of another operator.
            let change = Change::open(&self.database, "erasure").await?;
            change.commit_with(event).await?;
        }
        let begun = self.erasure(owner).await?;
        begun.ok_or_else(|| RegistryError::new("erasure: the row was removed"))
    }

    async fn note_sessions_end(
        &self,
        owner: &OwnerPseudonym,
        at: Option<DateTime<Utc>>,
    ) -> Result<(), RegistryError> {
        let update = sqlx::query("UPDATE erasures SET sessions_end = $2 WHERE owner = $1")
            .bind(owner.as_str())
            .bind(utc_or_empty(at));
        self.database.execute("erasure", update).await?;
        Ok(())
    }

    async fn note_deleted(
        &self,
        owner: &OwnerPseudonym,
        more: &Tally,
    ) -> Result<(), RegistryError> {
        let update = sqlx::query(
            "UPDATE erasures SET versions = versions + $2, delete_markers = delete_markers + $3, \
             uploads = uploads + $4, bytes = bytes + $5 WHERE owner = $1",
        )
        .bind(owner.as_str())
        .bind(signed(more.versions))
        .bind(signed(more.delete_markers))
        .bind(signed(more.uploads))
        .bind(signed(more.bytes));
        self.database.execute("erasure", update).await?;
        Ok(())
    }

    async fn forget(&self, person: Person<'_>) -> Result<u64, RegistryError> {
        // In batches, each of which is short; all of them may take longer than a request's statement.
        let database = &self.database;
        let forgetting = database.run_unhurried(async |one| forget::forget(person, one).await);
        forgetting.await.map_err(|error| failed("audit", &error))
    }

    async fn finish(&self, erased: Erased<'_>, event: &AuditEvent) -> Result<(), RegistryError> {
        let mut change = Change::begin_keeping_owners(&self.database, "erasure").await?;
        if matches!(erased, Erased::Person(_)) {
            // Before the blocks, as each change of them does.
            count_change(&mut change).await?;
        }
        let pseudonym = erased.pseudonym();
        let finished = sqlx::query("UPDATE erasures SET finished_at = $2 WHERE owner = $1")
            .bind(pseudonym.as_str())
            .bind(utc(event.cause.time));
        change.execute(finished).await?;
        let Erased::Person(person) = erased else {
            return change.commit_with(event).await;
        };
        for statement in KEEP_BUCKETS {
            let keep = sqlx::query(statement)
                .bind(person.principal.to_string())
                .bind(pseudonym.as_str());
            change.execute(keep).await?;
        }
        let end = sqlx::query(END_RESERVATION).bind(person.principal.to_string());
        change.execute(end).await?;
        for statement in BLOCK_BY_PSEUDONYM {
            let block = sqlx::query(statement)
                .bind(format!("principal {}", person.principal))
                .bind(format!("principal {pseudonym}"));
            change.execute(block).await?;
        }
        let members = members::delete_person(person.principal, person.is_whole);
        change.execute(members).await?;
        change.commit_forgetting(person, event).await?;
        let emptied = empty_log(&self.database).await;
        emptied.map_err(|error| failed("erasure", &error))
    }
}

/// `SQLite`'s write-ahead log still has what was overwritten. A reader may hold it up; the next write after
/// it then overwrites it.
async fn empty_log(database: &Database) -> Result<(), Error> {
    let emptying = database.run_unhurried(async |connection| {
        if connection.backend_name() == "SQLite" {
            let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
            connection.execute(checkpoint).await?;
        }
        Ok(())
    });
    emptying.await
}

fn erasure(row: &AnyRow) -> Result<Erasure, RegistryError> {
    Ok(Erasure {
        begun_at: time(row, "begun_at")?,
        sessions_end: time_or_none(row, "sessions_end")?,
        finished_at: time_or_none(row, "finished_at")?,
        deleted: Tally {
            objects: 0,
            versions: number(row, "versions")?,
            delete_markers: number(row, "delete_markers")?,
            uploads: number(row, "uploads")?,
            bytes: number(row, "bytes")?,
        },
    })
}

fn number(row: &AnyRow, column: &'static str) -> Result<u64, RegistryError> {
    let number: i64 = row.try_get(column).map_err(|_| unknown(column))?;
    u64::try_from(number).map_err(|_| unknown(column))
}

/// The columns hold no more.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
