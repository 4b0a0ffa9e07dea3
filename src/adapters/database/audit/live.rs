//! The sessions that have not expired, by their rows.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{AuditEvent, CallerId, Owner};
use crate::service::{LiveSession, RegistryError, SessionsOf};

use crate::adapters::database::Database;
use crate::adapters::database::principals::parse_principal;
use crate::adapters::database::rows::unknown;

use super::search::{AuditQuery, AuditRow};

/// The longest session, and an hour more: a row's time is not exactly the session's.
const LONGEST_SESSION: TimeDelta = TimeDelta::hours(13);

/// The sessions that have not expired, at most so many, the newest.
pub(in crate::adapters::database) async fn live_sessions(
    database: &Database,
    of: &SessionsOf,
    now: DateTime<Utc>,
    at_most: u32,
) -> Result<Vec<LiveSession>, RegistryError> {
    let mut query = AuditQuery {
        since: Some(now - LONGEST_SESSION),
        limit: at_most,
        ..AuditQuery::default()
    };
    match of {
        SessionsOf::Owner(owner) => query.owner = Some(owner.id()),
        SessionsOf::Caller(caller) => query.caller = Some(caller.id()),
        SessionsOf::Key(key) => query.access_key = Some(key.clone()),
    }
    let (rows, _) = query.run(database).await?;
    let is_wanted = |row: &&AuditRow| match of {
        SessionsOf::Owner(owner) => row.owner == owner.to_string(),
        SessionsOf::Caller(caller) => row.caller == caller.to_string(),
        SessionsOf::Key(key) => row.access_key_id == *key,
    };
    let sessions = rows.iter().filter(|row| row.action == AuditEvent::SESSION);
    let is_live = |row: &&AuditRow| {
        let expiration: Result<DateTime<Utc>, _> = row.expiration.parse();
        expiration.map_or(true, |expiration| expiration > now)
    };
    sessions
        .filter(is_wanted)
        .filter(is_live)
        .map(session)
        .collect()
}

pub(super) fn session(row: &AuditRow) -> Result<LiveSession, RegistryError> {
    Ok(LiveSession {
        caller: caller(&row.caller)?,
        owner: owner(&row.owner)?,
        bucket: row.bucket.parse().map_err(|_| unknown("bucket"))?,
        prefix: match row.prefix.as_str() {
            "" => None,
            prefix => Some(prefix.parse().map_err(|_| unknown("prefix"))?),
        },
        request_id: row.request_id.parse().map_err(|_| unknown("request_id"))?,
        expiration: row.expiration.parse().map_err(|_| unknown("expiration"))?,
    })
}

fn caller(text: &str) -> Result<CallerId, RegistryError> {
    let unknown = || unknown("caller");
    match text.split_once(' ').ok_or_else(unknown)? {
        ("principal", id) => match id.parse() {
            Ok(pseudonym) => Ok(CallerId::Erased(pseudonym)),
            Err(_) => parse_principal(id).map(CallerId::Principal),
        },
        ("api-key", id) => id.parse().map(CallerId::ApiKey).map_err(|_| unknown()),
        _ => Err(unknown()),
    }
}

pub(super) fn owner(text: &str) -> Result<Owner, RegistryError> {
    let unknown = || unknown("owner");
    match text.split_once(' ').ok_or_else(unknown)? {
        ("principal", id) => parse_principal(id).map(Owner::Principal),
        ("organisation", id) => id.parse().map(Owner::Organisation).map_err(|_| unknown()),
        ("workspace", id) => id.parse().map(Owner::Workspace).map_err(|_| unknown()),
        _ => Err(unknown()),
    }
}
