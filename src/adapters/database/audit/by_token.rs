//! A session by its token.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::AssertSqlSafe;

use crate::domain::{AuditEvent, SessionTokenHash};
use crate::service::{IssuedSessions, LiveSession, RegistryError};

use crate::adapters::database::SqlDirectory;
use crate::adapters::database::rows::utc;
use crate::adapters::database::statement::Statement;

use super::live::session;
use super::search::{entry, select_entries};

/// The hours of rows that can be of a live session: 12 for the longest session, one more on each side
/// because clocks differ, and the present one.
const HOURS: i64 = 15;

/// The characters of a time up to its hour: `2026-11-26T19`.
const UP_TO_THE_HOUR: usize = 13;

#[async_trait]
impl IssuedSessions for SqlDirectory {
    /// A session that was reused has several rows. The newest one tells.
    async fn find(
        &self,
        token: &SessionTokenHash,
        now: DateTime<Utc>,
    ) -> Result<Option<LiveSession>, RegistryError> {
        let query = bind(sqlx::query(AssertSqlSafe(statement())), token, now);
        let found = self
            .database
            .row("session", query, |row| session(&entry(row)?));
        Ok(found.await?.filter(|session| session.expiration > now))
    }
}

/// The search; only numbers of placeholders enter it.
fn statement() -> String {
    let places: Vec<String> = (3..3 + HOURS).map(|n| format!("${n}")).collect();
    // By the id alone, the database might read the rows one by one instead of the index.
    format!(
        "{} WHERE substr(time, 1, {UP_TO_THE_HOUR}) IN ({}) AND session_token_hash = $1 \
         AND session_token_hash <> '' AND action = $2 ORDER BY id + 0 DESC LIMIT 1",
        select_entries!(""),
        places.join(", ")
    )
}

fn bind<'q>(
    statement: Statement<'q>,
    token: &SessionTokenHash,
    now: DateTime<Utc>,
) -> Statement<'q> {
    let token = token.as_str().to_owned();
    let statement = statement.bind(token).bind(AuditEvent::SESSION);
    hours(now).fold(statement, Statement::bind)
}

fn hours(now: DateTime<Utc>) -> impl Iterator<Item = String> {
    (-1..HOURS - 1).map(move |ago| {
        let mut hour = utc(now - TimeDelta::hours(ago));
        hour.truncate(UP_TO_THE_HOUR);
        hour
    })
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::adapters::OsRandomness;
    use crate::adapters::database::{Database, SqlAuditTrail};
    use crate::domain::{
        Access, AuditCause, CallerId, ClientId, Grant, Owner, Principal, RequestId, Session,
        Subject,
    };
    use crate::service::{AuditTrail, Randomness};

    fn now() -> DateTime<Utc> {
        "2026-11-26T12:00:30Z".parse().unwrap()
    }

    fn alice() -> Principal {
        Principal {
            issuer: None,
            client_id: ClientId::parse("demo").unwrap(),
            subject: Subject::parse("alice").unwrap(),
        }
    }

    fn issued(token: &str, time: DateTime<Utc>, lasts: TimeDelta) -> AuditEvent {
        let cause = AuditCause {
            time,
            request_id: RequestId::at(time, OsRandomness.bits()),
            dialect: "test",
            caller: CallerId::Principal(alice()).to_string(),
        };
        let grant = Grant {
            bucket: "alices-bucket".parse().unwrap(),
            prefix: None,
            access: Access::Read,
        };
        let session = Session {
            access_key_id: "key".to_owned(),
            secret_access_key: SecretString::from("secret"),
            session_token: SecretString::from(token),
            expiration: time + lasts,
        };
        AuditEvent::session(cause, Owner::Principal(alice()), &grant, &session)
    }

    async fn directory(folder: &tempfile::TempDir, events: &[AuditEvent]) -> SqlDirectory {
        let file = folder.path().join("audit.db");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let database = Database::open(&url).await.unwrap();
        let trail = SqlAuditTrail::new(database.clone());
        for event in events {
            trail.record(event.clone(), 0).await.unwrap();
        }
        SqlDirectory::new(database)
    }

    async fn find(directory: &SqlDirectory, token: &str) -> Option<LiveSession> {
        let token = SessionTokenHash::of(token.as_bytes()).unwrap();
        directory.find(&token, now()).await.unwrap()
    }

    #[tokio::test]
    async fn a_live_session_is_found_by_its_token() {
        let folder = tempfile::tempdir().unwrap();
        let (longest, hour) = (TimeDelta::hours(12), TimeDelta::hours(1));
        let events = [
            issued("new", now(), hour),
            issued("old", now() - longest + TimeDelta::seconds(1), longest),
            issued("clock-ahead", now() + TimeDelta::minutes(59), hour),
        ];
        let directory = directory(&folder, &events).await;
        for (token, event) in ["new", "old", "clock-ahead"].into_iter().zip(&events) {
            let found = find(&directory, token).await.unwrap();
            assert_eq!(found.request_id, event.cause.request_id, "{token}");
            assert_eq!(found.caller, CallerId::Principal(alice()));
        }
        assert_eq!(find(&directory, "unknown").await, None);
    }

    #[tokio::test]
    async fn an_expired_session_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let minute = TimeDelta::minutes(1);
        let events = [issued("token", now() - minute, minute)];
        let directory = directory(&folder, &events).await;
        assert_eq!(find(&directory, "token").await, None);
    }

    #[tokio::test]
    async fn the_newest_row_of_a_reused_session_tells() {
        let folder = tempfile::tempdir().unwrap();
        let hour = TimeDelta::hours(1);
        let earlier = issued("token", now() - TimeDelta::minutes(10), hour);
        let events = [earlier, issued("token", now(), hour)];
        let directory = directory(&folder, &events).await;
        let found = find(&directory, "token").await.unwrap();
        assert_eq!(found.request_id, events[1].cause.request_id);
    }

    #[tokio::test]
    async fn a_search_for_a_token_reads_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let directory = directory(&folder, &[]).await;
        let plan = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", statement()));
        let token = SessionTokenHash::of(b"token").unwrap();
        let plan = bind(sqlx::query(plan), &token, now());
        let plan = directory.database.rows("plan", plan, |row| {
            crate::adapters::database::rows::text(row, "detail")
        });
        let plan = plan.await.unwrap().join("\n");
        assert!(
            plan.contains("SEARCH audit_trail USING INDEX audit_trail_session_token"),
            "{plan}"
        );
    }

    #[tokio::test]
    async fn the_trail_does_not_hold_the_token() {
        let folder = tempfile::tempdir().unwrap();
        let event = issued("very-secret-token", now(), TimeDelta::hours(1));
        let directory = directory(&folder, &[event]).await;
        directory.database.close().await;
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            let mut windows = bytes.windows(b"very-secret-token".len());
            assert!(!windows.any(|window| window == b"very-secret-token"));
        }
    }
}
