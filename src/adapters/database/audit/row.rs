//! How an event becomes a row of the audit trail.

use sqlx::AssertSqlSafe;

use crate::domain::{Access, AuditEvent, SessionTokenHash};

use crate::adapters::database::rows::{utc, utc_or_empty};
use crate::adapters::database::statement::Statement;

pub(super) const COLUMNS: usize = 15;

/// The statement that inserts so many rows, up to a condition; only numbers enter it.
pub(super) fn insert(rows: usize) -> String {
    let row = |row: usize| {
        let first = row * COLUMNS + 1;
        let places: Vec<String> = (first..first + COLUMNS).map(|n| format!("${n}")).collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!(
        "INSERT INTO audit_trail (time, request_id, dialect, caller, owner_kind, owner_id, \
         bucket, prefix, access, access_key_id, expiration, action, detail, holder, session_token_hash) \
         SELECT * FROM (VALUES {}) AS events",
        rows.join(", ")
    )
}

/// The statement that inserts this event, with its values.
pub(in crate::adapters::database) fn insert_one(event: &AuditEvent) -> Statement<'static> {
    bind(sqlx::query(AssertSqlSafe(insert(1))), event)
}

/// Binds the next row of [`insert`]. What an event lacks is the empty text.
pub(super) fn bind<'q>(statement: Statement<'q>, event: &AuditEvent) -> Statement<'q> {
    statement
        .bind(utc(event.cause.time))
        .bind(event.cause.request_id.to_string())
        .bind(event.cause.dialect)
        .bind(event.cause.caller.clone())
        .bind(event.about.kind())
        .bind(event.about.id())
        .bind(text(event.bucket.as_ref()))
        .bind(text(event.prefix.as_ref()))
        .bind(event.access.map_or("", Access::as_str))
        .bind(text(event.key_id.as_ref()))
        .bind(utc_or_empty(event.expiration))
        .bind(event.action)
        .bind(event.detail.clone())
        .bind(text(event.access_key_owner.as_ref()))
        .bind(
            event
                .session_token
                .as_ref()
                .map_or("", SessionTokenHash::as_str)
                .to_owned(),
        )
}

fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}
