//! Who is being revoked, what stores were told, and which sessions are out.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
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
        .bind(utc(now))
        .bind(utc(until));
        Ok(self.database.execute("lock", take).await? > 0)
    }

    async fn unlock(&self, bucket: &BucketName, until: DateTime<Utc>) -> Result<(), RegistryError> {
        let delete = sqlx::query("DELETE FROM bucket_locks WHERE bucket = $1 AND until = $2")
            .bind(bucket.as_str())
            .bind(utc(until));
        self.database.execute("unlock", delete).await?;
        Ok(())
    }

    async fn add_statement(&self, statement: &Statement) -> Result<(), RegistryError> {
        let upsert = sqlx::query(
            "INSERT INTO revocation_statements (bucket, id, over_at) VALUES ($1, $2, $3) \
             ON CONFLICT (bucket, id) DO UPDATE SET over_at = excluded.over_at",
        )
        .bind(statement.bucket.as_str())
        .bind(statement.id.as_str())
        .bind(utc(statement.over_at));
        self.database.execute("statement", upsert).await?;
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::database::Database;

    #[tokio::test]
    async fn sessions_are_marked_since_the_schema_that_brought_revocations() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("registry.db");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let database = Database::open(&url).await.unwrap();
        let age = sqlx::query(
            "UPDATE _sqlx_migrations SET installed_on = '2026-03-15 12:30:05' WHERE version = 9",
        );
        database.execute("age", age).await.unwrap();
        let since = SqlDirectory::new(database).marked_since().await;
        assert_eq!(since, Ok("2026-03-15T12:30:05Z".parse().unwrap()));
    }
}
