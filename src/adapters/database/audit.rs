use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::AssertSqlSafe;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::domain::AuditRecord;
use crate::service::{AuditTrail, RegistryError};

use super::Database;
use super::pool::bounded;

/// The most records that one commit takes. Every group size is a statement of its own to the
/// database, so there should not be too many.
const GROUP: usize = 64;

const COLUMNS: usize = 11;

/// How many records may wait before callers do.
const WAITING: usize = 1_024;

/// The audit trail in a database.
///
/// Records are committed in groups: while one group's sync to disk is under way, the next one
/// gathers. A record counts as committed when the sync of its group has ended, and then only does
/// the answer leave.
pub struct SqlAuditTrail {
    waiting: mpsc::Sender<Entry>,
}

struct Entry {
    record: AuditRecord,
    committed: oneshot::Sender<Result<(), RegistryError>>,
}

impl SqlAuditTrail {
    /// Starts the writer on `runtime`; it ends when the trail is dropped.
    #[must_use]
    pub fn start(database: Database, runtime: &Handle) -> Self {
        let (waiting, entries) = mpsc::channel(WAITING);
        runtime.spawn(write(database, entries));
        Self { waiting }
    }
}

#[async_trait]
impl AuditTrail for SqlAuditTrail {
    async fn record(&self, record: AuditRecord) -> Result<(), RegistryError> {
        let gone = || RegistryError("audit: the writer has ended".to_owned());
        let (committed, answer) = oneshot::channel();
        let entry = Entry { record, committed };
        self.waiting.send(entry).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn write(database: Database, mut entries: mpsc::Receiver<Entry>) {
    let mut group = Vec::with_capacity(GROUP);
    while entries.recv_many(&mut group, GROUP).await > 0 {
        // Nobody waits for these any more: their requests have been refused.
        group.retain(|entry: &Entry| !entry.committed.is_closed());
        if group.is_empty() {
            continue;
        }
        let outcome = bounded("audit", insert(&database, &group)).await;
        for entry in group.drain(..) {
            // The receiver may have run out of time meanwhile.
            let _ = entry.committed.send(outcome.clone());
        }
    }
}

/// One statement, so one transaction: the group is written whole or not at all.
async fn insert(database: &Database, group: &[Entry]) -> Result<(), sqlx::Error> {
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
    query.execute(&database.pool).await?;
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
