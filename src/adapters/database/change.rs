//! A change: statements that are committed together, or not at all.

use sqlx::any::AnyRow;
use sqlx::{Error, Executor};

use crate::domain::AuditEvent;
use crate::service::{Person, RegistryError};

use super::Database;
use super::audit::forget::forget_request;
use super::audit::row;
use super::bucket_owners;
use super::fingerprint::Fingerprint;
use super::lease::Lease;
use super::statement::{self, Statement, bounded};

/// A transaction whose statements have a time limit each. Dropped before its commit, it closes its
/// connection and so is rolled back.
pub(super) struct Change {
    pub(super) lease: Lease,
    fingerprint: Fingerprint,
    step: &'static str,
}

impl Change {
    /// Begins with a statement that writes; returns nothing when it changes no row. It locks the row
    /// on `PostgreSQL` and the file on `SQLite`, so what the change reads next stays as it is. `step`
    /// names the change in errors.
    pub(super) async fn begin(
        database: &Database,
        step: &'static str,
        first: Statement<'_>,
    ) -> Result<Option<Self>, RegistryError> {
        let mut change = Self::open(database, step).await?;
        if change.execute(first).await? == 0 {
            change.roll_back().await?;
            return Ok(None);
        }
        Ok(Some(change))
    }

    /// Begins with a lock: no bucket gets another owner until the change ends.
    pub(super) async fn begin_keeping_owners(
        database: &Database,
        step: &'static str,
    ) -> Result<Self, RegistryError> {
        let mut change = Self::open(database, step).await?;
        bucket_owners::keep(&mut change.lease.connection).await?;
        Ok(change)
    }

    /// Commits one statement with its audit row. Returns false when the statement changes no row:
    /// then there is no audit row.
    pub(super) async fn commit_one(
        database: &Database,
        step: &'static str,
        statement: Statement<'_>,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        match Self::begin(database, step, statement).await? {
            Some(change) => change.commit_with(event).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Begins without a lock.
    pub(super) async fn open(
        database: &Database,
        step: &'static str,
    ) -> Result<Self, RegistryError> {
        let beginning = async {
            let mut lease = database.pool.acquire().await?;
            lease.connection.execute("BEGIN").await?;
            Ok(lease)
        };
        Ok(Self {
            lease: bounded(step, beginning).await?,
            fingerprint: database.fingerprint.clone(),
            step,
        })
    }

    /// Runs a statement, and returns how many rows it changes.
    pub(super) async fn execute(&mut self, statement: Statement<'_>) -> Result<u64, RegistryError> {
        statement::changed(self.step, statement.execute(&mut self.lease.connection)).await
    }

    /// The rows that a statement finds.
    pub(super) async fn rows<T>(
        &mut self,
        statement: Statement<'_>,
        parse: impl Fn(&AnyRow) -> Result<T, RegistryError>,
    ) -> Result<Vec<T>, RegistryError> {
        let fetching = statement.fetch_all(&mut self.lease.connection);
        statement::rows(self.step, fetching, parse).await
    }

    /// The first row that a statement finds.
    pub(super) async fn row<T>(
        &mut self,
        statement: Statement<'_>,
        parse: impl Fn(&AnyRow) -> Result<T, RegistryError>,
    ) -> Result<Option<T>, RegistryError> {
        let fetching = statement.fetch_optional(&mut self.lease.connection);
        statement::row(self.step, fetching, parse).await
    }

    /// Goes on if bucket names are made here with the registry's values, and fails otherwise.
    pub(super) async fn check_formula(mut self) -> Result<Self, RegistryError> {
        let asking = self.fingerprint.is_current(&mut self.lease.connection);
        if bounded("fingerprint", asking).await? {
            return Ok(self);
        }
        self.roll_back().await?;
        Err(Fingerprint::outdated())
    }

    /// Commits the change with its audit row.
    pub(super) async fn commit_with(mut self, event: &AuditEvent) -> Result<(), RegistryError> {
        let insert = row::insert_one(event);
        bounded("audit", insert.execute(&mut self.lease.connection)).await?;
        self.commit().await
    }

    /// Commits the change with its audit row, in which the person is the pseudonym.
    pub(super) async fn commit_forgetting(
        mut self,
        person: Person<'_>,
        event: &AuditEvent,
    ) -> Result<(), RegistryError> {
        self.execute(row::insert_one(event)).await?;
        let request_id = event.cause.request_id.to_string();
        let forgetting = forget_request(person, &request_id, &mut self.lease.connection);
        bounded("audit", forgetting).await?;
        self.commit().await
    }

    /// Commits the change, which has no audit row.
    pub(super) async fn commit(self) -> Result<(), RegistryError> {
        bounded("commit", end(self.lease, "COMMIT")).await
    }

    pub(super) async fn roll_back(self) -> Result<(), RegistryError> {
        bounded(self.step, end(self.lease, "ROLLBACK")).await
    }
}

async fn end(mut lease: Lease, statement: &'static str) -> Result<(), Error> {
    lease.connection.execute(statement).await?;
    let opener = lease.opener.clone();
    lease.give_back();
    opener.check_file()
}
