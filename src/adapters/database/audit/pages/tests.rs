use super::*;

const FIRST_DAY: &str = "2026-11-20T00:00:00Z";
const SECOND_DAY: &str = "2026-11-21T00:00:00Z";

async fn open(directory: &tempfile::TempDir) -> Database {
    let file = directory.path().join("audit.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    Database::open(&url).await.unwrap()
}

/// Adds rows with these ids, each as its request id.
async fn add(database: &Database, ids: impl IntoIterator<Item = i64>, time: &str) {
    for id in ids {
        let insert = sqlx::query(
            "INSERT INTO audit_trail (id, time, request_id, dialect, caller, owner_kind, owner_id, \
             bucket, prefix, access, access_key_id, expiration) \
             VALUES ($1, $2, $3, '', '', '', '', '', '', '', '', '')",
        );
        let insert = insert.bind(id).bind(time).bind(id.to_string());
        database.execute("test", insert).await.unwrap();
    }
}

async fn read(database: &Database, since: Option<&str>, until: Option<&str>) -> Vec<i64> {
    let time = |text: Option<&str>| text.map(|text| text.parse().unwrap());
    let pages = AuditPages::open(database, time(since), time(until)).await;
    rest(pages.unwrap()).await
}

async fn rest(mut pages: AuditPages) -> Vec<i64> {
    let mut ids = Vec::new();
    while let Some(rows) = pages.next().await.unwrap() {
        ids.extend(
            rows.iter()
                .map(|row| row.request_id.parse::<i64>().unwrap()),
        );
    }
    ids
}

#[tokio::test]
async fn every_row_is_read_once_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    assert_eq!(read(&database, None, None).await, [0; 0]);
    // Over the end of a block, and after an empty one; more than a page.
    let ids: Vec<i64> = (16_000..16_000 + PAGE + 10).chain([70_000]).collect();
    add(&database, ids.clone(), FIRST_DAY).await;
    assert_eq!(read(&database, None, None).await, ids);
}

#[tokio::test]
async fn times_select_rows_and_consecutive_exports_share_none() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    add(&database, [1, 3, 20_000], FIRST_DAY).await;
    add(&database, [2, 20_001, 40_000], SECOND_DAY).await;
    assert_eq!(read(&database, None, Some(FIRST_DAY)).await, [0; 0]);
    let first = read(&database, Some(FIRST_DAY), Some(SECOND_DAY)).await;
    assert_eq!(first, [1, 3, 20_000]);
    let second = read(&database, Some(SECOND_DAY), None).await;
    assert_eq!(second, [2, 20_001, 40_000]);
}

#[tokio::test]
async fn rows_written_and_removed_meanwhile_do_not_move_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    let ids: Vec<i64> = (1..=2 * PAGE).collect();
    add(&database, ids.clone(), FIRST_DAY).await;
    let mut pages = AuditPages::open(&database, None, None).await.unwrap();
    let first = pages.next().await.unwrap().unwrap();
    assert_eq!(first.len(), 1_000);
    add(&database, 2 * PAGE + 1..2 * PAGE + 9, FIRST_DAY).await;
    let delete = sqlx::query("DELETE FROM audit_trail WHERE id <= $1").bind(PAGE);
    database.execute("test", delete).await.unwrap();
    assert_eq!(rest(pages).await, ids[1_000..]);
}
