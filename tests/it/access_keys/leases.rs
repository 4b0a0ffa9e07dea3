//! Leases at the registry itself.

use chrono::{DateTime, TimeDelta, Utc};
use cloakroom::adapters::SystemClock;
use cloakroom::adapters::database::SqlDirectory;
use cloakroom::domain::{AccessKeyState, AuditCause, AuditEvent, Owner, RequestId, Slug};
use cloakroom::service::{AccessKeyRotations, Clock as _};
use sqlx::Row;

use super::*;

/// Every column of the keys and their pairs, and how many rows the audit trail has.
async fn everything(app: &App) -> Vec<Vec<String>> {
    let database = app.database().await;
    let mut all = Vec::new();
    for query in [
        "SELECT rotation, rotation_began_at, CAST(renewals AS TEXT), unclean, state FROM access_keys",
        "SELECT access_key_id, issued_at, ends_at, unproven FROM access_key_pairs",
        "SELECT CAST(count(*) AS TEXT) FROM audit_trail",
    ] {
        for row in sqlx::query(query).fetch_all(&database).await.unwrap() {
            all.push((0..row.len()).map(|column| row.get(column)).collect());
        }
    }
    all
}

fn event(now: DateTime<Utc>, number: u8) -> AuditEvent {
    let cause = AuditCause {
        time: now,
        request_id: RequestId::from_random([number; 16]),
        dialect: "cli",
        caller: "operator tester".to_owned(),
    };
    let acme: Slug = "acme".parse().unwrap();
    AuditEvent::change(cause, "access-key rotate", Owner::Organisation(acme))
}

/// A process that was paused for too long goes on where it was.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_lost_the_lease_changes_nothing() {
    let (app, _) = acme(Setup::default()).await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[])
        .await
        .id;
    let registry = SqlDirectory::new(cloakroom::server::database(&app.config).await.unwrap());
    let now = SystemClock.now();
    let (long_ago, later) = (now - TimeDelta::hours(1), now + TimeDelta::seconds(2));

    let begin = async |lease, stale| registry.begin_rotation(&key, lease, now, stale).await;
    assert_eq!(begin("paused", long_ago).await, Ok(true));
    let record = async |lease, pair, number| {
        let event = event(now, number);
        registry.record_pair(&key, lease, pair, &event).await
    };
    assert_eq!(record("paused", "first", 1).await, Ok(true));
    assert_eq!(begin("next", long_ago).await, Ok(false), "it is not stale");
    assert_eq!(begin("next", later).await, Ok(true));

    let before = everything(&app).await;
    assert_eq!(registry.renew(&key, "paused").await, Ok(false));
    assert_eq!(record("paused", "second", 2).await, Ok(false));
    let promoted = registry.promote_pair(&key, "paused", "first", now);
    assert_eq!(promoted.await, Ok(false));
    let given_up = registry.give_up_pair(&key, "paused", "first", now);
    assert_eq!(given_up.await, Ok(()));
    let active = Some(AccessKeyState::Active);
    let ended = registry.end_rotation(&key, "paused", active, true);
    assert_eq!(ended.await, Ok(()));
    assert_eq!(everything(&app).await, before);

    assert_eq!(registry.renew(&key, "next").await, Ok(true));
    assert_eq!(record("next", "second", 3).await, Ok(true));
    let promoted = registry.promote_pair(&key, "next", "second", now);
    assert_eq!(promoted.await, Ok(true));
    let ended = registry.end_rotation(&key, "next", active, true);
    assert_eq!(ended.await, Ok(()));
    assert_ne!(everything(&app).await, before);
}
