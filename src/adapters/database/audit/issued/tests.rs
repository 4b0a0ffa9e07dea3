use sqlx::Row;

use super::*;
use crate::adapters::database::audit::blocks::recent_blocks;
use crate::adapters::database::audit::newest::select;
use crate::adapters::database::audit::parts::Index;
use crate::domain::{ClientId, Principal, Subject};

/// How many ids a block has.
const BLOCK: i64 = 1 << 14;

fn caller(subject: &str) -> CallerId {
    CallerId::Principal(Principal {
        issuer: None,
        client_id: ClientId::parse("web").unwrap(),
        subject: Subject::parse(subject).unwrap(),
    })
}

fn since() -> DateTime<Utc> {
    "2026-11-26T00:00:00Z".parse().unwrap()
}

async fn open(directory: &tempfile::TempDir) -> Database {
    let file = directory.path().join("audit.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    Database::open(&url).await.unwrap()
}

fn request(id: i64) -> String {
    format!("0192f22e-79b0-7fff-bfff-{id:012}")
}

/// A row: its id, hour, caller, owner's kind and id, and action.
type Event<'a> = (i64, u8, &'a str, &'a str, &'a str, &'a str);

async fn insert(database: &Database, (id, hour, caller, kind, owner, action): Event<'_>) {
    let insert = sqlx::query(
        "INSERT INTO audit_trail (id, time, request_id, dialect, caller, owner_kind, owner_id, \
         bucket, prefix, access, access_key_id, expiration, action, detail, holder) \
         VALUES ($1, $2, $3, 'v1', $4, $5, $6, 'shared', 'lab/', 'read', 'ASIA', \
         '2026-11-26T12:00:00Z', $7, '', '')",
    );
    let time = if hour == 0 {
        "2026-11-25T23:59:59Z".to_owned()
    } else {
        format!("2026-11-26T{hour:02}:00:00Z")
    };
    let insert = insert
        .bind(id)
        .bind(time)
        .bind(request(id))
        .bind(caller)
        .bind(kind)
        .bind(owner)
        .bind(action);
    database.execute("test", insert).await.unwrap();
}

const ALICE: &str = r#"principal ["web","alice"]"#;
const ALICES: &str = r#"["web","alice"]"#;
const BOB: &str = r#"principal ["web","bob"]"#;
const APPS_ALICE: &str = r#"principal ["app","alice"]"#;

/// Alice's sessions have the ids 3, 4, `BLOCK` + 1 and 5 `BLOCK`; the rest is not hers, no session or old.
async fn fill(database: &Database) {
    let vend = "vend";
    for event in [
        (2, 0, ALICE, "principal", ALICES, vend),
        (3, 1, ALICE, "principal", ALICES, vend),
        (4, 1, ALICE, "workspace", "acme/lab", vend),
        (5, 1, BOB, "workspace", "acme/lab", vend),
        (6, 2, APPS_ALICE, "workspace", "acme/lab", vend),
        (7, 2, APPS_ALICE, "principal", r#"["app","alice"]"#, vend),
        (BLOCK, 2, "operator eve", "principal", ALICES, "revoke"),
        (BLOCK + 1, 2, ALICE, "principal", ALICES, vend),
        (BLOCK + 2, 2, ALICE, "principal", ALICES, "revoke"),
        (5 * BLOCK, 3, ALICE, "workspace", "acme/lab", vend),
    ] {
        insert(database, event).await;
    }
}

async fn found(database: &Database, after: Option<i64>, at_most: usize) -> Option<Vec<String>> {
    let after = after.map(|id| request(id).parse().unwrap());
    let alice = caller("alice");
    let found = sessions_issued_to(database, &alice, since(), after.as_ref(), at_most);
    let found = found.await.unwrap()?;
    let ids = found.iter().map(|session| session.request_id.to_string());
    Some(ids.collect())
}

#[tokio::test]
async fn sessions_of_the_caller_are_found_in_every_block() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    fill(&database).await;
    let all = [5 * BLOCK, BLOCK + 1, 4, 3].map(request);
    assert_eq!(found(&database, None, 10).await.unwrap(), all);
    assert_eq!(found(&database, None, 3).await.unwrap(), all[..3]);
    let alice = caller("alice");
    let newest = sessions_issued_to(&database, &alice, since(), None, 1).await;
    let newest = newest.unwrap().unwrap().remove(0);
    assert_eq!(newest.owner.to_string(), "workspace acme/lab");
}

#[tokio::test]
async fn a_page_begins_after_a_session_of_the_callers() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    fill(&database).await;
    let rest = [4, 3].map(request);
    assert_eq!(found(&database, Some(BLOCK + 1), 10).await.unwrap(), rest);
    assert!(found(&database, Some(3), 10).await.unwrap().is_empty());
    for other in [5, 6, BLOCK, BLOCK + 2, 99] {
        assert_eq!(found(&database, Some(other), 10).await, None, "{other}");
    }
}

#[tokio::test]
async fn the_search_reads_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    let mut connection = database.open_unhurried().await.unwrap();
    let newest = newest(&caller("alice"), since(), 99, 10);
    for (index, texts) in &newest.parts.0 {
        let name = match index {
            Index::Owner => "owner",
            Index::Caller => "caller",
            other => panic!("{other:?}"),
        };
        let matching = newest.in_blocks(&["3".to_owned(), "2".to_owned()], *index, texts);
        let statement = select(&matching, "id + 0", newest.limit);
        let statement = format!("EXPLAIN QUERY PLAN {statement}");
        let plan = matching.fetch(statement, &mut connection).await.unwrap();
        let step: String = plan[0].get("detail");
        let by_index = format!("SEARCH audit_trail USING INDEX audit_trail_{name} (<expr>=? AND ");
        assert!(step.starts_with(&by_index), "{step}");
    }
}

/// The times of replicas differ by less than an hour.
#[tokio::test]
async fn blocks_before_one_that_is_an_hour_too_old_are_not_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    for block in 0..3 {
        insert(
            &database,
            (block * BLOCK + 1, 9, ALICE, "principal", ALICES, "vend"),
        )
        .await;
    }
    let blocks = async |time: &'static str| {
        let older = sqlx::query("UPDATE audit_trail SET time = $1 WHERE id = $2");
        database
            .execute("test", older.bind(time).bind(BLOCK + 1))
            .await
            .unwrap();
        let reading = database
            .pool
            .run(async |connection| recent_blocks(since(), connection).await);
        reading.await.unwrap()
    };
    assert_eq!(blocks("2026-11-25T23:30:00Z").await, [0, 2]);
    assert_eq!(blocks("2026-11-25T22:30:00Z").await, [2]);
    let emptied = sqlx::query("DELETE FROM audit_trail WHERE id = $1").bind(BLOCK + 1);
    database.execute("test", emptied).await.unwrap();
    let reading = database
        .pool
        .run(async |connection| recent_blocks(since(), connection).await);
    assert_eq!(reading.await.unwrap(), [0, 2]);
}
