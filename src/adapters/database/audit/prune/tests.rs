use sqlx::Row;

use super::*;
use crate::adapters::database::rows::text;
use crate::adapters::database::statement::Statement;

const BEFORE: &str = "2026-11-20T00:00:00Z";
const NOW: &str = "2026-11-26T00:00:00Z";
const OLD: &str = "2026-11-19T23:59:59Z";

async fn open(directory: &tempfile::TempDir) -> Database {
    let file = directory.path().join("audit.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    Database::open(&url).await.unwrap()
}

async fn run(database: &Database, statement: Statement<'_>) {
    database.execute("test", statement).await.unwrap();
}

/// Adds a row: its id, time, expiration, action, owner's id and key.
async fn add(database: &Database, id: i64, values: [&str; 5]) {
    let [time, expiration, action, owner, key] = values;
    let insert = sqlx::query(
        "INSERT INTO audit_trail (id, time, request_id, dialect, caller, owner_kind, owner_id, bucket, \
         prefix, access, access_key_id, expiration, action, detail, holder) \
         VALUES ($1, $2, $3, '', '', '', $4, '', '', '', $5, $6, $7, '', '')",
    );
    let insert = insert
        .bind(id)
        .bind(time)
        .bind(id.to_string())
        .bind(owner)
        .bind(key)
        .bind(expiration)
        .bind(action);
    run(database, insert).await;
}

async fn left(database: &Database) -> Vec<i64> {
    let query = sqlx::query("SELECT id FROM audit_trail ORDER BY id");
    let left = database.rows("test", query, |row| Ok(row.get(0)));
    left.await.unwrap()
}

async fn prune(database: &Database) {
    let trail = AuditPruner::new(database.clone());
    let pruned = trail.prune(BEFORE.parse().unwrap(), NOW.parse().unwrap());
    pruned.await.unwrap();
}

#[tokio::test]
async fn only_rows_from_before_the_time_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    // In three blocks; a row may be older than the one before it.
    for (id, time) in [
        (1, OLD),
        (2, BEFORE),
        (3, OLD),
        (16_383, NOW),
        (16_384, OLD),
        (70_000, "2026-01-01T00:00:00Z"),
        (70_001, NOW),
    ] {
        add(&database, id, [time, "", "org create", "acme", ""]).await;
    }
    prune(&database).await;
    assert_eq!(left(&database).await, [2, 16_383, 70_001]);
}

#[tokio::test]
async fn more_rows_than_one_batch_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    let last = 3 * BATCH + 1;
    for id in 1..=last {
        add(&database, id, [OLD, "", "vend", "", ""]).await;
    }
    add(&database, last + 1, [NOW, "", "vend", "", ""]).await;
    prune(&database).await;
    assert_eq!(left(&database).await, [last + 1]);
}

#[tokio::test]
async fn rows_of_live_sessions_and_key_pairs_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    let rotate = "access-key rotate";
    for (id, values) in [
        (1, [OLD, "2026-11-26T00:00:01Z", "vend", "acme", "ASIALIVE"]),
        (2, [OLD, "2026-11-25T23:59:59Z", "vend", "acme", "ASIAOVER"]),
        (3, [OLD, "", rotate, "ak_1", "AKIALIVE"]),
        (4, [OLD, "", rotate, "ak_1", "AKIAOVER"]),
        (5, [OLD, "", rotate, "ak_2", "AKIALIVE"]),
    ] {
        add(&database, id, values).await;
    }
    for statement in [
        "INSERT INTO access_keys (id, name, owner_kind, owner_id, all_rights, read_buckets, \
         write_buckets, bucket_prefix, networks, state, created_at) \
         VALUES ('ak_1', '', 'organisation', 'acme', '', '', '', '', '', 'active', '')",
        "INSERT INTO access_key_pairs (access_key, access_key_id, issued_at) \
         VALUES ('ak_1', 'AKIALIVE', '')",
    ] {
        run(&database, sqlx::query(statement)).await;
    }
    prune(&database).await;
    assert_eq!(left(&database).await, [1, 3]);
}

#[tokio::test]
async fn old_rows_are_found_by_the_index() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    let explain = sqlx::query(concat!("EXPLAIN QUERY PLAN ", remove!("")))
        .bind(3_i64)
        .bind(BEFORE)
        .bind(NOW)
        .bind(BATCH);
    let plan = database.rows("test", explain, |row| text(row, "detail"));
    let plan = plan.await.unwrap();
    let by_index = "SEARCH audit_trail USING INDEX audit_trail_time (<expr>=? AND time<?)";
    assert!(plan.iter().any(|step| step == by_index), "{plan:?}");
}
