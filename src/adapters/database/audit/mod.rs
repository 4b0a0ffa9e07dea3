pub(super) mod search;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sqlx::{AnyConnection, AssertSqlSafe};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::domain::SessionEvent;
use crate::service::{AuditTrail, RegistryError};

use crate::adapters::database::Database;
use crate::adapters::database::connections::is_lost;
use crate::adapters::database::fingerprint::Fingerprint;
use crate::adapters::database::pool::bounded;
use crate::adapters::database::rows::utc;

pub use search::{AuditQuery, AuditRow};

/// The most records that one commit takes. Every group size is a statement of its own to the
/// database, so there should not be too many.
const GROUP: usize = 64;

const COLUMNS: usize = 11;

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
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Entry>,
    is_writing: bool,
}

struct Entry {
    record: SessionEvent,
    committed: oneshot::Sender<Result<(), RegistryError>>,
}

/// The one who writes.
struct Writer {
    trail: Arc<Trail>,
    /// What is being written.
    group: Vec<Entry>,
    has_ended: bool,
    is_successor: bool,
}

impl SqlAuditTrail {
    /// Over this database; its connections are opened on `runtime`, which must outlive all others.
    #[must_use]
    pub fn new(database: Database, runtime: Handle) -> Self {
        Self(Arc::new(Trail {
            database,
            runtime,
            queue: Mutex::default(),
        }))
    }
}

#[async_trait]
impl AuditTrail for SqlAuditTrail {
    async fn record(&self, record: SessionEvent) -> Result<(), RegistryError> {
        let (committed, answer) = oneshot::channel();
        if let Some(writer) = self.0.enqueue(Entry { record, committed }) {
            // A task, because a request may end early and the group must not end with it.
            tokio::spawn(writer.write());
        }
        let gone = |_| RegistryError::new("audit: the writer has ended");
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
            group: Vec::new(),
            has_ended: false,
            is_successor: false,
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

    /// A connection that was lost costs the group time and no more: the group is written again on
    /// another one, and stands there once. Says no when the replica's formula is no longer the
    /// registry's: then nothing was written.
    async fn commit(&self, group: &[Entry]) -> Result<bool, sqlx::Error> {
        match self.write(group).await {
            Err(error) if is_lost(&error) => self.write(group).await,
            done => done,
        }
    }

    async fn write(&self, group: &[Entry]) -> Result<bool, sqlx::Error> {
        let fingerprint = &self.database.fingerprint;
        let lease = self.database.trail.acquire().await?;
        lease
            .run(async |connection| insert(connection, group, fingerprint).await)
            .await
    }
}

impl Writer {
    async fn write(mut self) {
        loop {
            if self.group.is_empty() {
                self.group = self.trail.next_group();
            }
            if self.group.is_empty() {
                self.has_ended = true;
                return;
            }
            let outcome = match bounded("audit", self.trail.commit(&self.group)).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(Fingerprint::outdated()),
                Err(error) => Err(error),
            };
            for entry in self.group.drain(..) {
                // The receiver may have run out of time meanwhile.
                let _ = entry.committed.send(outcome.clone());
            }
        }
    }
}

impl Drop for Writer {
    /// A thread that ends while its writer is at work, because the gateway is shutting down, leaves
    /// requests of other threads waiting: a successor goes on. One that panics, or whose successor
    /// cannot live either, leaves nobody waiting.
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        if self.is_successor || std::thread::panicking() {
            let mut queue = lock(&self.trail.queue);
            queue.is_writing = false;
            queue.waiting.clear();
            return;
        }
        let successor = Self {
            trail: Arc::clone(&self.trail),
            group: std::mem::take(&mut self.group),
            has_ended: false,
            is_successor: true,
        };
        self.trail.runtime.spawn(successor.write());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One statement, so one transaction: the group is written whole or not at all, and only while the
/// replica's formula is the registry's. Says whether the group stands there.
async fn insert(
    connection: &mut AnyConnection,
    group: &[Entry],
    fingerprint: &Fingerprint,
) -> Result<bool, sqlx::Error> {
    let mut query = sqlx::query(AssertSqlSafe(statement(group.len(), fingerprint)));
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
    for (name, value) in fingerprint.parts() {
        query = query.bind(*name).bind(value.clone());
    }
    let inserted = query.execute(&mut *connection).await?;
    if inserted.rows_affected() > 0 || is_written(connection, group).await? {
        return Ok(true);
    }
    // The formula was another one then, whatever it is now: this only raises the alarm.
    fingerprint.is_current(connection).await?;
    Ok(false)
}

/// Whether every record of the group stands there: the statement wrote nothing then because an earlier
/// attempt had.
async fn is_written(connection: &mut AnyConnection, group: &[Entry]) -> Result<bool, sqlx::Error> {
    let places: Vec<String> = (1..=group.len()).map(|n| format!("${n}")).collect();
    let statement = format!(
        "SELECT count(*) FROM audit_trail WHERE request_id IN ({})",
        places.join(", ")
    );
    let mut query = sqlx::query_scalar(AssertSqlSafe(statement));
    for Entry { record, .. } in group {
        query = query.bind(record.request_id.to_string());
    }
    let written: i64 = query.fetch_one(connection).await?;
    Ok(usize::try_from(written) == Ok(group.len()))
}

/// The statement for so many rows; only numbers enter it.
fn statement(rows: usize, fingerprint: &Fingerprint) -> String {
    let row = |row: usize| {
        let first = row * COLUMNS + 1;
        let places: Vec<String> = (first..first + COLUMNS).map(|n| format!("${n}")).collect();
        format!("({})", places.join(", "))
    };
    let condition = fingerprint.condition(rows * COLUMNS + 1);
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!(
        "INSERT INTO audit_trail (time, request_id, dialect, caller, owner_kind, owner_id, \
         bucket, prefix, access, access_key_id, expiration) \
         SELECT * FROM (VALUES {}) AS records WHERE {condition} \
         ON CONFLICT (request_id) DO NOTHING",
        rows.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::{Executor, Row};
    use tokio::runtime::{Builder, Runtime};

    use super::*;
    use crate::adapters::{OsRandomness, SystemClock};
    use crate::domain::{
        Access, BucketFormula, Caller, ClientId, Owner, Principal, RequestId, Subject, TokenCaller,
    };
    use crate::service::{Clock, Randomness};

    fn record() -> SessionEvent {
        let principal = Principal {
            client_id: ClientId::parse("client").unwrap(),
            subject: Subject::parse("subject").unwrap(),
        };
        let owner = Owner::Principal(principal.clone());
        let caller = Caller::Token(TokenCaller {
            principal,
            memberships: Vec::new(),
            proof_expires: None,
        });
        let now = SystemClock.now();
        SessionEvent {
            time: now,
            request_id: RequestId::from_random(OsRandomness.bits()),
            dialect: "test",
            caller: caller.to_string(),
            bucket: BucketFormula::new("", "", "", None).unwrap().bucket(&owner),
            owner,
            prefix: None,
            access: Access::Read,
            access_key_id: "AKIA".to_owned(),
            expiration: now,
        }
    }

    fn a_runtime() -> Runtime {
        Builder::new_multi_thread().enable_all().build().unwrap()
    }

    async fn open(directory: &tempfile::TempDir) -> Database {
        let file = directory.path().join("audit.db");
        Database::open(&format!("sqlite://{}?mode=rwc", file.display()))
            .await
            .unwrap()
    }

    async fn rows(database: &Database) -> i64 {
        let query = sqlx::query("SELECT count(*) FROM audit_trail");
        query.fetch_one(&database.pool).await.unwrap().get(0)
    }

    #[test]
    fn a_thread_that_ends_at_work_leaves_other_threads_requests_to_a_successor() {
        let (runtime, directory) = (a_runtime(), tempfile::tempdir().unwrap());
        let database = runtime.block_on(open(&directory));
        let trail = SqlAuditTrail::new(database.clone(), runtime.handle().clone());
        // Nobody else may write: the first group stays under way.
        let mut locked = runtime.block_on(database.pool.acquire()).unwrap();
        let statement = |text: &'static str| sqlx::query(text);
        runtime
            .block_on(statement("BEGIN IMMEDIATE").execute(&mut *locked))
            .unwrap();
        let worker = Builder::new_current_thread().enable_all().build().unwrap();
        let given_up = worker.block_on(async {
            tokio::time::timeout(Duration::from_millis(100), trail.record(record())).await
        });
        assert!(given_up.is_err());
        let trail = Arc::new(trail);
        let waiting = Arc::clone(&trail);
        let waiting = runtime.spawn(async move { waiting.record(record()).await });
        while lock(&trail.0.queue).waiting.is_empty() {
            std::thread::yield_now();
        }
        drop(worker);
        runtime
            .block_on(async move { statement("COMMIT").execute(&mut *locked).await })
            .unwrap();
        runtime.block_on(waiting).unwrap().unwrap();
        assert_eq!(runtime.block_on(rows(&database)), 2);
    }

    #[tokio::test]
    async fn a_record_that_is_written_twice_stands_there_once() {
        let directory = tempfile::tempdir().unwrap();
        let database = open(&directory).await;
        let trail = SqlAuditTrail::new(database.clone(), Handle::current());
        let record = record();
        trail.record(record.clone()).await.unwrap();
        trail.record(record).await.unwrap();
        assert_eq!(rows(&database).await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_counts_as_written_is_written_while_the_formula_changes_to_and_fro() {
        let directory = tempfile::tempdir().unwrap();
        let other = open(&directory).await;
        let database = other
            .clone()
            .with_fingerprint(vec![("naming.prefix", "a".to_owned())]);
        let set = "INSERT INTO fingerprint (name, value) VALUES ('naming.prefix', 'b')";
        other.pool.execute(set).await.unwrap();
        let trail = SqlAuditTrail::new(database, Handle::current());
        let changes = async {
            loop {
                for value in ["a", "b"] {
                    let change = sqlx::query("UPDATE fingerprint SET value = $1").bind(value);
                    change.execute(&other.pool).await.unwrap();
                }
            }
        };
        let records = async {
            let (mut written, mut refused) = (0, 0);
            while written < 300 || refused < 300 {
                match trail.record(record()).await {
                    Ok(()) => written += 1,
                    Err(_) => refused += 1,
                }
            }
            written
        };
        let written = tokio::select! {
            written = records => written,
            () = changes => unreachable!(),
        };
        assert_eq!(rows(&other).await, written);
    }

    #[tokio::test]
    async fn many_at_once_are_all_written() {
        let directory = tempfile::tempdir().unwrap();
        let database = open(&directory).await;
        let trail = SqlAuditTrail::new(database.clone(), Handle::current());
        let all = (0..300).map(|_| trail.record(record()));
        let done = futures_util::future::join_all(all).await;
        assert!(done.iter().all(Result::is_ok));
        assert_eq!(rows(&database).await, 300);
    }
}
