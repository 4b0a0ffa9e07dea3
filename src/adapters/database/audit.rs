use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::domain::AuditRecord;
use crate::service::{AuditTrail, RegistryError};

use super::Database;
use super::pool::bounded;

/// The most records that one commit takes. Every group size is a statement of its own to the
/// database, so there should not be too many.
const GROUP: usize = 64;

const COLUMNS: usize = 11;

/// How long a connection that was not used is believed to be there still.
const FRESH: Duration = Duration::from_secs(1);

/// The audit trail in a database.
///
/// Records are committed in groups, one group at a time: while its sync to disk is under way, the
/// next one gathers. A record counts as committed when the sync of its group has ended, and then
/// only does the answer leave.
///
/// Whoever finds nobody writing starts to write, on the thread that is there: a writer on a thread
/// of its own would cost every call two context switches.
pub struct SqlAuditTrail(Arc<Trail>);

struct Trail {
    database: Database,
    runtime: Handle,
    queue: Mutex<Queue>,
    /// Kept out of the pool's hands; taken by whoever writes.
    connection: Mutex<Option<Kept>>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Entry>,
    is_writing: bool,
}

struct Entry {
    record: AuditRecord,
    committed: oneshot::Sender<Result<(), RegistryError>>,
}

struct Kept {
    connection: AnyConnection,
    used: Instant,
}

/// The one who writes.
struct Writer {
    trail: Arc<Trail>,
    has_ended: bool,
}

impl SqlAuditTrail {
    /// Over this database; its connections are opened on `runtime`, which must outlive all others.
    #[must_use]
    pub fn new(database: Database, runtime: Handle) -> Self {
        Self(Arc::new(Trail {
            database,
            runtime,
            queue: Mutex::default(),
            connection: Mutex::default(),
        }))
    }
}

#[async_trait]
impl AuditTrail for SqlAuditTrail {
    async fn record(&self, record: AuditRecord) -> Result<(), RegistryError> {
        let (committed, answer) = oneshot::channel();
        if let Some(writer) = self.0.enqueue(Entry { record, committed }) {
            // A task, because a request may end early and the group must not end with it.
            tokio::spawn(writer.write());
        }
        let gone = |_| RegistryError("audit: the writer has ended".to_owned());
        answer.await.map_err(gone)?
    }
}

impl Trail {
    /// Says who has to write, if nobody does.
    fn enqueue(self: &Arc<Self>, entry: Entry) -> Option<Writer> {
        let mut queue = lock(&self.queue);
        queue.waiting.push(entry);
        if queue.is_writing {
            return None;
        }
        queue.is_writing = true;
        Some(Writer {
            trail: Arc::clone(self),
            has_ended: false,
        })
    }

    /// The next group, or the end of the writing.
    fn next_group(&self) -> Vec<Entry> {
        let mut queue = lock(&self.queue);
        // Nobody waits for these any more: their requests have been refused.
        queue.waiting.retain(|entry| !entry.committed.is_closed());
        let size = queue.waiting.len().min(GROUP);
        let group: Vec<Entry> = queue.waiting.drain(..size).collect();
        queue.is_writing = !group.is_empty();
        group
    }

    async fn commit(&self, group: &[Entry]) -> Result<(), sqlx::Error> {
        let mut connection = self.connection().await?;
        insert(&mut connection, group).await?;
        // One that has failed is not kept.
        *lock(&self.connection) = Some(Kept {
            connection,
            used: Instant::now(),
        });
        Ok(())
    }

    async fn connection(&self) -> Result<AnyConnection, sqlx::Error> {
        let kept = lock(&self.connection).take();
        if let Some(mut kept) = kept
            && (kept.used.elapsed() < FRESH || kept.connection.ping().await.is_ok())
        {
            return Ok(kept.connection);
        }
        let pool = self.database.pool.clone();
        let opening = self.runtime.spawn(async move { pool.acquire().await });
        let opened = opening.await.map_err(|_| sqlx::Error::WorkerCrashed)?;
        Ok(opened?.detach())
    }
}

impl Writer {
    async fn write(mut self) {
        loop {
            let group = self.trail.next_group();
            if group.is_empty() {
                self.has_ended = true;
                return;
            }
            let outcome = bounded("audit", self.trail.commit(&group)).await;
            for entry in group {
                // The receiver may have run out of time meanwhile.
                let _ = entry.committed.send(outcome.clone());
            }
        }
    }
}

impl Drop for Writer {
    /// One that dies at work leaves nobody waiting, and the place to the next.
    fn drop(&mut self) {
        if !self.has_ended {
            let mut queue = lock(&self.trail.queue);
            queue.is_writing = false;
            queue.waiting.clear();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One statement, so one transaction: the group is written whole or not at all.
async fn insert(connection: &mut AnyConnection, group: &[Entry]) -> Result<(), sqlx::Error> {
    let mut query = sqlx::query(AssertSqlSafe(statement(group.len())));
    for Entry { record, .. } in group {
        query = query
            .bind(utc(record.time))
            .bind(record.request_id.to_string())
            .bind(record.dialect)
            .bind(record.caller.clone())
            .bind(record.owner.kind())
            .bind(record.owner.id())
            .bind(record.bucket.to_string())
            .bind(
                record
                    .prefix
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            )
            .bind(record.access.as_str())
            .bind(record.access_key_id.clone())
            .bind(utc(record.expiration));
    }
    query.execute(connection).await?;
    Ok(())
}

/// The statement for so many rows; only numbers enter it.
fn statement(rows: usize) -> String {
    let row = |row: usize| {
        let first = row * COLUMNS + 1;
        let places: Vec<String> = (first..first + COLUMNS).map(|n| format!("${n}")).collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!(
        "INSERT INTO audit_trail (time, request_id, dialect, caller, owner_kind, owner_id, \
         bucket, prefix, access, access_key_id, expiration) VALUES {}",
        rows.join(", ")
    )
}

fn utc(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
