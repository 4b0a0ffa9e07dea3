use std::ops::Range;

use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Error, Row};

use crate::service::RegistryError;

use crate::adapters::database::Database;
use crate::adapters::database::guard::guarded;
use crate::adapters::database::rows::utc_or_empty;
use crate::adapters::database::statement::failed;

use super::blocks::{blocks, ids};
use super::search::{AuditRow, entry, select_entries};

/// How many rows are read at a time.
const PAGE: i64 = 1_000;

/// The rows of the trail in the order in which they were written, in pages: those since one time and
/// before another that were there when the reading began. Rows that are written or removed meanwhile
/// do not move the others.
pub struct AuditPages {
    connection: AnyConnection,
    since: String,
    until: String,
    /// The ids that are left to read, the next ones last.
    left: Vec<Range<i64>>,
}

impl AuditPages {
    /// Begins to read.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the trail cannot be read.
    pub async fn open(
        database: &Database,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Result<Self, RegistryError> {
        let opening = async {
            // No request waits for this, so it has no time limit.
            let mut connection = database.open_unhurried().await?;
            let end = end(&mut connection).await?;
            let blocks = blocks(since, until, &mut connection).await?;
            let left = blocks.into_iter().rev().map(ids);
            let left = left.map(|ids| ids.start..ids.end.min(end)).collect();
            Ok(Self {
                connection,
                since: utc_or_empty(since),
                until: utc_or_empty(until),
                left,
            })
        };
        let opened = guarded(opening).await;
        opened.map_err(|error| failed("audit", &error))
    }

    /// The next rows; none after the last one.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the trail cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<AuditRow>>, RegistryError> {
        while let Some(ids) = self.left.pop() {
            let read = guarded(self.read(&ids)).await;
            let (rows, rest) = read.map_err(|error| failed("audit", &error))?;
            self.left.extend(rest);
            if !rows.is_empty() {
                return rows.iter().map(entry).collect::<Result<_, _>>().map(Some);
            }
        }
        Ok(None)
    }

    /// The first rows with these ids, and the ids that are left if there can be more.
    async fn read(&mut self, ids: &Range<i64>) -> Result<(Vec<AnyRow>, Option<Range<i64>>), Error> {
        let query = sqlx::query(select_entries!(
            "WHERE id >= $1 AND id < $2 AND ($3 = '' OR time >= $3) AND ($4 = '' OR time < $4) \
             ORDER BY id LIMIT $5"
        ));
        let query = query
            .bind(ids.start)
            .bind(ids.end)
            .bind(self.since.clone())
            .bind(self.until.clone())
            .bind(PAGE);
        let rows = query.fetch_all(&mut self.connection).await?;
        let rest = match rows.last() {
            Some(last) if i64::try_from(rows.len()) == Ok(PAGE) => {
                Some(last.try_get::<i64, _>("id")? + 1..ids.end)
            }
            _ => None,
        };
        Ok((rows, rest))
    }
}

/// What comes after the last id.
async fn end(connection: &mut AnyConnection) -> Result<i64, Error> {
    let last = sqlx::query_scalar::<_, i64>("SELECT coalesce(max(id), 0) FROM audit_trail");
    Ok(last.fetch_one(connection).await? + 1)
}

#[cfg(test)]
mod tests;
