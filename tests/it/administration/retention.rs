//! `audit.retention`: the gateway removes old rows of the trail while it runs.

use sqlx::{Row, SqlitePool};

use crate::support::{Serve, fake_store, session_of, spawn_app, time_in};

const MESSAGE: &str = "removed old rows of the audit trail";

const HOUR: i64 = 3_600;

/// Adds a row of this age, of a session that ends in this time; both in seconds.
async fn add(database: &SqlitePool, name: &str, age: i64, ends: i64) {
    sqlx::query(
        "INSERT INTO audit_trail (time, request_id, dialect, caller, owner_kind, owner_id, bucket, \
         prefix, access, access_key_id, expiration) \
         VALUES ($1, $2, '', '', '', '', '', '', '', '', $3)",
    )
    .bind(time_in(-age))
    .bind(name)
    .bind(time_in(ends))
    .execute(database)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_gateway_removes_rows_that_are_older_than_the_retention() {
    let app = spawn_app().await;
    let database = app.database().await;
    for number in 0..300 {
        add(&database, &format!("old {number}"), 40 * HOUR, -HOUR).await;
    }
    add(&database, "old, of a session that is out", 40 * HOUR, HOUR).await;
    add(&database, "young", 35 * HOUR, -HOUR).await;
    let store = fake_store(session_of(3_600)).await;
    let url = app.database_url();
    let variables = [
        ("CLOAKROOM_DATABASE__URL", url.as_str()),
        ("CLOAKROOM_AUDIT__RETENTION", "36h"),
        ("CLOAKROOM_NAMING__ACCEPT_CHANGE", "true"),
    ];
    let mut gateway = Serve::start(&app.oauth, &store.uri(), &variables).await;
    let line = gateway.line(MESSAGE).await;
    assert_eq!(line["rows"], 300, "{line}");
    let left = sqlx::query("SELECT request_id FROM audit_trail ORDER BY id");
    let left = left.fetch_all(&database).await.unwrap();
    let left: Vec<String> = left.iter().map(|row| row.get(0)).collect();
    assert_eq!(left, ["old, of a session that is out", "young"]);
}
