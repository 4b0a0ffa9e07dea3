//! What was handed out to one caller, by its rows.

use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Error};

use crate::domain::{AuditEvent, CallerId, RequestId};
use crate::service::{IssuedSession, RegistryError};

use crate::adapters::database::Database;
use crate::adapters::database::rows::{access, parse, text, time, utc};
use crate::adapters::database::statement::bounded;

use super::blocks::{ids, recent_blocks};
use super::conditions::Where;
use super::live::owner;
use super::newest::{Newest, Rows};
use super::parts::Parts;

/// The sessions that were handed out to the caller since then, the newest first, at most so many; those
/// before the session of `after`. `None` if that is no session of the caller's.
pub(in crate::adapters::database) async fn sessions_issued_to(
    database: &Database,
    caller: &CallerId,
    since: DateTime<Utc>,
    after: Option<&RequestId>,
    at_most: usize,
) -> Result<Option<Vec<IssuedSession>>, RegistryError> {
    let reading = database.pool.run(async |connection| {
        let end = match after {
            Some(after) => id_of(after, caller, connection).await?,
            None => Some(i64::MAX),
        };
        match end {
            Some(end) => rows(caller, since, end, at_most, connection)
                .await
                .map(Some),
            None => Ok(None),
        }
    });
    let Some(rows) = bounded("sessions", reading).await? else {
        return Ok(None);
    };
    let newest = rows.values().rev().take(at_most);
    newest.map(session).collect::<Result<_, _>>().map(Some)
}

/// The id of the row of this caller's session, if it is one.
async fn id_of(
    request: &RequestId,
    caller: &CallerId,
    connection: &mut AnyConnection,
) -> Result<Option<i64>, Error> {
    let query = sqlx::query_scalar(
        "SELECT id FROM audit_trail WHERE request_id = $1 AND caller = $2 AND action = $3",
    );
    let query = query.bind(request.to_string()).bind(caller.to_string());
    query
        .bind(AuditEvent::SESSION)
        .fetch_optional(connection)
        .await
}

async fn rows(
    caller: &CallerId,
    since: DateTime<Utc>,
    end: i64,
    at_most: usize,
    connection: &mut AnyConnection,
) -> Result<Rows, Error> {
    let mut blocks = recent_blocks(since, connection).await?;
    blocks.retain(|block| ids(*block).start < end);
    let newest = newest(caller, since, end, at_most);
    newest.read(blocks, connection).await
}

fn newest(
    caller: &CallerId,
    since: DateTime<Utc>,
    end: i64,
    at_most: usize,
) -> Newest<impl Fn() -> Where + use<>> {
    let (name, since) = (caller.to_string(), utc(since));
    Newest {
        parts: Parts::caused_by(caller),
        matching: move || {
            let mut matching = Where::default();
            let (caller, action) = (matching.value(&name), matching.value(AuditEvent::SESSION));
            let since = matching.value(&since);
            // As expressions, which lead to no index: a search chooses its index itself.
            matching.add(format!(
                "caller = {caller} AND action = {action} AND time || '' >= {since} AND id + 0 < {end}"
            ));
            matching
        },
        limit: u32::try_from(at_most).unwrap_or(u32::MAX),
    }
}

fn session(row: &AnyRow) -> Result<IssuedSession, RegistryError> {
    let prefix = text(row, "prefix")?;
    Ok(IssuedSession {
        request_id: parse(row, "request_id")?,
        time: time(row, "time")?,
        dialect: text(row, "dialect")?,
        owner: owner(&format!(
            "{} {}",
            text(row, "owner_kind")?,
            text(row, "owner_id")?
        ))?,
        bucket: parse(row, "bucket")?,
        prefix: match prefix.as_str() {
            "" => None,
            _ => Some(parse(row, "prefix")?),
        },
        access: access(row)?,
        access_key_id: text(row, "access_key_id")?,
        expiration: time(row, "expiration")?,
    })
}

#[cfg(test)]
mod tests;
