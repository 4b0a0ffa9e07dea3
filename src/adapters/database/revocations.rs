//! Who is being revoked, what stores were told, and which sessions are out.

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::any::AnyRow;

use crate::domain::{AuditEvent, BucketName, CallerId, RequestId};
use crate::service::{
    IssuedSession, LiveSession, RegistryError, Revocation, RevocationRegistry, SessionHistory,
    SessionsOf, Statement,
};

use super::SqlDirectory;
use super::audit::{live_sessions, sessions_issued_to};
use super::restrictions::{begin, utc_milliseconds};
use super::rows::{parse, text, time, utc};

/// The schema that brought revocations.
const SCHEMA: i64 = 9;

#[async_trait]
impl RevocationRegistry for SqlDirectory {
    async fn begin(
        &self,
        revocation: &Revocation,
        event: &AuditEvent,
    ) -> Result<(), RegistryError> {
        let upsert = sqlx::query(
            "INSERT INTO revocations (kind, name, before, frozen_until, over_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (kind, name) DO UPDATE SET \
             before = excluded.before, frozen_until = excluded.frozen_until, \
             over_at = excluded.over_at",
        )
        .bind(revocation.of.kind())
        .bind(revocation.of.name())
        .bind(utc_milliseconds(revocation.before))
        .bind(utc(revocation.frozen_until))
        .bind(utc(revocation.over_at));
        let mut change = begin(self).await?;
        change.execute(upsert).await?;
        change.commit_with(event).await
    }

    async fn finish(
        &self,
        revocation: &Revocation,
        event: &AuditEvent,
    ) -> Result<(), RegistryError> {
        let update = sqlx::query(
            "UPDATE revocations SET before = $3, frozen_until = '' \
             WHERE kind = $1 AND name = $2 AND before <= $3",
        )
        .bind(revocation.of.kind())
        .bind(revocation.of.name())
        .bind(utc_milliseconds(revocation.before));
        let mut change = begin(self).await?;
        change.execute(update).await?;
        change.commit_with(event).await
    }

    async fn lock(
        &self,
        bucket: &BucketName,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<bool, RegistryError> {
        let take = sqlx::query(
            "INSERT INTO bucket_locks (bucket, until) VALUES ($1, $3) \
             ON CONFLICT (bucket) DO UPDATE SET until = excluded.until \
             WHERE bucket_locks.until < $2",
        )
        .bind(bucket.as_str())
        .bind(utc_nanoseconds(now))
        .bind(utc_nanoseconds(until));
        Ok(self.database.execute("lock", take).await? > 0)
    }

    async fn unlock(&self, bucket: &BucketName, until: DateTime<Utc>) -> Result<(), RegistryError> {
        let delete = sqlx::query("DELETE FROM bucket_locks WHERE bucket = $1 AND until = $2")
            .bind(bucket.as_str())
            .bind(utc_nanoseconds(until));
        self.database.execute("unlock", delete).await?;
        Ok(())
    }

    async fn add_statement(&self, statement: &Statement) -> Result<bool, RegistryError> {
        for (query, is_first) in [
            (
                "INSERT INTO revocation_statements (bucket, id, over_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (bucket, id) DO NOTHING",
                true,
            ),
            (
                "UPDATE revocation_statements SET over_at = $3 WHERE bucket = $1 AND id = $2",
                false,
            ),
        ] {
            let query = sqlx::query(query)
                .bind(statement.bucket.as_str())
                .bind(statement.id.as_str())
                .bind(utc(statement.over_at));
            if self.database.execute("statement", query).await? > 0 {
                return Ok(is_first);
            }
        }
        Err(RegistryError::new("statement: another process removed it"))
    }

    async fn statements_over(&self, now: DateTime<Utc>) -> Result<Vec<Statement>, RegistryError> {
        let query =
            sqlx::query("SELECT bucket, id, over_at FROM revocation_statements WHERE over_at < $1");
        let query = query.bind(utc(now));
        self.database.rows("statements", query, statement).await
    }

    /// Keeps it if it was renewed meanwhile.
    async fn forget_statement(&self, statement: &Statement) -> Result<(), RegistryError> {
        let delete = sqlx::query(
            "DELETE FROM revocation_statements WHERE bucket = $1 AND id = $2 AND over_at <= $3",
        )
        .bind(statement.bucket.as_str())
        .bind(statement.id.as_str())
        .bind(utc(statement.over_at));
        self.database.execute("statement", delete).await?;
        Ok(())
    }

    async fn forget_revocations(&self, now: DateTime<Utc>) -> Result<(), RegistryError> {
        let delete = sqlx::query("DELETE FROM revocations WHERE over_at < $1").bind(utc(now));
        self.database.execute("revocations", delete).await?;
        Ok(())
    }

    async fn marked_since(&self) -> Result<DateTime<Utc>, RegistryError> {
        let query = sqlx::query(if self.database.opener.is_sqlite() {
            "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', installed_on) AS since FROM _sqlx_migrations \
             WHERE version = $1"
        } else {
            "SELECT to_char(installed_on AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS since \
             FROM _sqlx_migrations WHERE version = $1"
        });
        let row = self
            .database
            .row("schema", query.bind(SCHEMA), |row| time(row, "since"));
        row.await?
            .ok_or_else(|| RegistryError::new("schema: 9 is missing"))
    }

    async fn live_sessions(
        &self,
        of: &SessionsOf,
        now: DateTime<Utc>,
        at_most: u32,
    ) -> Result<Vec<LiveSession>, RegistryError> {
        live_sessions(&self.database, of, now, at_most).await
    }
}

#[async_trait]
impl SessionHistory for SqlDirectory {
    async fn issued_to(
        &self,
        caller: &CallerId,
        since: DateTime<Utc>,
        after: Option<&RequestId>,
        at_most: usize,
    ) -> Result<Option<Vec<IssuedSession>>, RegistryError> {
        sessions_issued_to(&self.database, caller, since, after, at_most).await
    }
}

fn statement(row: &AnyRow) -> Result<Statement, RegistryError> {
    Ok(Statement {
        bucket: parse(row, "bucket")?,
        id: text(row, "id")?,
        over_at: time(row, "over_at")?,
    })
}

/// A lock's time is also its name: two processes that try in the same second must not have the same.
fn utc_nanoseconds(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::adapters::database::Database;

    async fn open(directory: &tempfile::TempDir) -> Database {
        let file = directory.path().join("registry.db");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        Database::open(&url).await.unwrap()
    }

    #[tokio::test]
    async fn a_lock_is_released_by_whoever_took_it_or_after_its_time() {
        let directory = tempfile::tempdir().unwrap();
        let registry = SqlDirectory::new(open(&directory).await);
        let bucket = "bucket".parse().unwrap();
        let now: DateTime<Utc> = "2026-03-15T12:30:05.1Z".parse().unwrap();
        let (until, others) = (
            now + TimeDelta::seconds(60),
            now + TimeDelta::milliseconds(60_001),
        );
        assert_eq!(registry.lock(&bucket, now, until).await, Ok(true));
        assert_eq!(registry.lock(&bucket, now, others).await, Ok(false));
        registry.unlock(&bucket, others).await.unwrap();
        assert_eq!(registry.lock(&bucket, now, others).await, Ok(false));
        registry.unlock(&bucket, until).await.unwrap();
        assert_eq!(registry.lock(&bucket, now, others).await, Ok(true));
        let after = others + TimeDelta::milliseconds(1);
        assert_eq!(registry.lock(&bucket, after, after).await, Ok(true));
    }

    #[tokio::test]
    async fn sessions_are_marked_since_the_schema_that_brought_revocations() {
        let directory = tempfile::tempdir().unwrap();
        let database = open(&directory).await;
        let age = sqlx::query(
            "UPDATE _sqlx_migrations SET installed_on = '2026-03-15 12:30:05' WHERE version = 9",
        );
        database.execute("age", age).await.unwrap();
        let since = SqlDirectory::new(database).marked_since().await;
        assert_eq!(since, Ok("2026-03-15T12:30:05Z".parse().unwrap()));
    }
}
