use super::*;
use crate::adapters::database::audit::forget;
use crate::adapters::database::audit::newest::select;
use crate::adapters::database::statement::Statement;
use crate::domain::{ClientId, Principal, Subject};
use crate::service::Person;

const PSEUDONYM: &str = "0123456789abcdef0123456789abcde";

/// Each row's caller; the owner's kind and id; the bucket; what was done; the access key's owner;
/// separated by `|`.
const TRAIL: [&str; 14] = [
    r#"principal ["web","bob"]|principal|["web","bob"]|bobs|vend||"#,
    r#"principal ["app","bob"]|principal|["app","bob"]|apps|vend||"#,
    r#"principal ["a/b","c"]|principal|["a/b","c"]|c-c|vend||"#,
    r#"principal ["a","b/c"]|principal|["a","b/c"]|b-c|vend||"#,
    r#"principal ["web","x, bob"]|principal|["web","x, bob"]|xxx|vend||"#,
    r#"principal ["web","ö\"]"]|principal|["web","ö\"]"]|ooo|vend||"#,
    r#"principal ["web","bob"]|workspace|acme/lab|shared|vend||"#,
    "api-key ck_1|organisation|acme|shared|vend||",
    "operator bob|organisation|acme||org create||",
    r#"operator x, bob|principal|["web","bob"]||bucket release|bucket:bobs|"#,
    "operator eve|access-key|ak_1||access-key create|read:shared (n)|subject bob",
    "capability ct_1|access-key|ak_1||access-key rotate|read:shared|subject bob",
    r#"operator eve|access-key|ak_2||access-key create|all-read:sha* (n)|principal ["web","bob"]"#,
    r#"capability ct_2|access-key|ak_2||access-key rotate|all-read:sha*|principal ["web","bob"]"#,
];

/// The number of people's rows at the start of [`TRAIL`].
const PEOPLE: usize = 6;

/// How many ids a block has.
const BLOCK: i64 = 1 << 14;

/// The id of each round's first row: the round's other half is in the next block. Block 3 is empty.
const FIRST_IDS: [i64; 3] = [BLOCK - 7, 2 * BLOCK - 7, 5 * BLOCK - 7];

/// Texts that name something of [`TRAIL`], and some that do not.
const NAMES: [&str; 24] = [
    "bob",
    "web/bob",
    "app/bob",
    "a/b/c",
    "b/c",
    "c",
    "x, bob",
    "web/x, bob",
    " bob",
    "ö\"]",
    "acme",
    "acme/lab",
    "ak_1",
    "ak_2",
    "ck_1",
    "ct_1",
    "ct_2",
    "eve",
    "key-3",
    "key-11",
    "ob",
    "",
    ",",
    "/",
];

async fn open(directory: &tempfile::TempDir) -> Database {
    let file = directory.path().join("audit.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    Database::open(&url).await.unwrap()
}

async fn run(database: &Database, statement: Statement<'_>) {
    database.execute("test", statement).await.unwrap();
}

fn fields(row: &str) -> [&str; 7] {
    let fields: Vec<&str> = row.split('|').collect();
    fields.try_into().unwrap()
}

/// A trail with every kind of row, three times. The registry no longer has the access keys.
async fn fill(database: &Database) {
    for (round, first) in FIRST_IDS.into_iter().enumerate() {
        for ((n, row), row_id) in TRAIL.into_iter().enumerate().zip(first..) {
            let [caller, kind, id, bucket, action, detail, holder] = fields(row);
            let insert = sqlx::query(
                "INSERT INTO audit_trail (id, time, request_id, dialect, caller, owner_kind, owner_id, \
                 bucket, prefix, access, access_key_id, expiration, action, detail, holder) \
                 VALUES ($1, $2, $3, '', $4, $5, $6, $7, '', '', $8, '', $9, $10, $11)",
            );
            let insert = insert
                .bind(row_id)
                .bind(format!("2026-11-2{round}T00:00:0{}Z", n % 3))
                .bind(format!("{round}-{n}"))
                .bind(caller)
                .bind(kind)
                .bind(id)
                .bind(bucket)
                .bind(format!("key-{n}"))
                .bind(action)
                .bind(detail)
                .bind(holder);
            run(database, insert).await;
        }
    }
    for row in &TRAIL[..PEOPLE] {
        let [_, kind, id, bucket, ..] = fields(row);
        let insert = sqlx::query(if bucket == "bobs" {
            "INSERT INTO former_buckets VALUES ($1, $2, $3)"
        } else {
            "INSERT INTO owned_buckets VALUES ($1, $2, $3, 'ready', '')"
        });
        run(database, insert.bind(kind).bind(id).bind(bucket)).await;
    }
}

fn all() -> AuditQuery {
    AuditQuery {
        limit: 100,
        ..AuditQuery::default()
    }
}

/// Looks for bob, who comes through the client `web`, by his pseudonym.
fn by_pseudonym() -> AuditQuery {
    let bob = Principal {
        issuer: None,
        client_id: ClientId::parse("web").unwrap(),
        subject: Subject::parse("bob").unwrap(),
    };
    AuditQuery {
        owner: Some("0".repeat(31)),
        owners: vec![Owner::Principal(bob)],
        ..all()
    }
}

fn queries() -> Vec<AuditQuery> {
    let mut queries = vec![all(), by_pseudonym()];
    for name in NAMES.map(|name| Some(name.to_owned())) {
        queries.push(AuditQuery {
            owner: name.clone(),
            ..all()
        });
        queries.push(AuditQuery {
            caller: name.clone(),
            ..all()
        });
        queries.push(AuditQuery {
            access_key: name.clone(),
            ..all()
        });
        let owner = Some("bob".to_owned());
        queries.push(AuditQuery {
            owner,
            caller: name,
            ..all()
        });
    }
    for bucket in ["bobs", "shared", "b-c", "sha", "shares"] {
        queries.push(AuditQuery {
            bucket: bucket.parse().ok(),
            ..all()
        });
    }
    let since = |query: &AuditQuery| AuditQuery {
        since: "2026-11-21T00:00:01Z".parse().ok(),
        limit: 2,
        ..query.clone()
    };
    let recent: Vec<AuditQuery> = queries.iter().map(since).collect();
    queries.extend(recent);
    queries
}

#[tokio::test]
async fn parts_hold_every_matching_row() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    fill(&database).await;
    let mut connection = database.open_unhurried().await.unwrap();
    let mut matched = 0;
    for query in queries() {
        let all = read(query.conditions(), "id", query.limit, &mut connection)
            .await
            .unwrap();
        let has_older = all.len() > query.limit as usize;
        let newest = all.values().skip(usize::from(has_older));
        let expected: Vec<String> = newest.map(|row| row.get("request_id")).collect();
        let (rows, is_partial) = query.run(&database).await.unwrap();
        let found: Vec<String> = rows.into_iter().map(|row| row.request_id).collect();
        assert_eq!(found, expected, "{query:?}");
        assert_eq!(is_partial, has_older, "{query:?}");
        matched += expected.len();
    }
    assert!(matched > 300, "only {matched} rows");
}

#[tokio::test]
async fn a_pseudonym_finds_the_owners_rows_and_those_of_the_owners_access_keys() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    fill(&database).await;
    let (rows, _) = by_pseudonym().run(&database).await.unwrap();
    let found: Vec<String> = rows.into_iter().map(|row| row.request_id).collect();
    let bobs = |round| [0, 9, 12, 13].map(|n| format!("{round}-{n}"));
    assert_eq!(found, (0..3).flat_map(bobs).collect::<Vec<_>>());
}

#[tokio::test]
async fn every_search_reads_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    let mut connection = database.open_unhurried().await.unwrap();
    for query in queries() {
        let Some(parts) = query.parts(&mut connection).await.unwrap() else {
            continue;
        };
        let newest = query.newest_in(parts);
        for (index, texts) in &newest.parts.0 {
            let name = match index {
                Index::Key => "access_key_id",
                Index::Owner => "owner",
                Index::Caller => "caller",
                Index::AccessKeyOwner => "holder",
                Index::Bucket => "bucket",
                Index::Time => "time",
            };
            let matching = newest.in_blocks(&["3".to_owned(), "2".to_owned()], *index, texts);
            let statement = format!(
                "EXPLAIN QUERY PLAN {}",
                select(&matching, "id + 0", query.limit)
            );
            let plan = matching.fetch(statement, &mut connection).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
            let by_index =
                format!("SEARCH audit_trail USING INDEX audit_trail_{name} (<expr>=? AND ");
            assert!(
                plan[0].starts_with(&by_index),
                "{query:?}, {index:?}: {plan:?}"
            );
        }
    }
}

/// Replaces bob, who comes through the client `web`, by a pseudonym.
async fn forget_bob(database: &Database, is_whole: bool) -> u64 {
    let bob = Principal {
        issuer: None,
        client_id: ClientId::parse("web").unwrap(),
        subject: Subject::parse("bob").unwrap(),
    };
    let person = Person {
        principal: &bob,
        pseudonym: &PSEUDONYM.parse().unwrap(),
        is_whole,
    };
    let mut connection = database.open_unhurried().await.unwrap();
    let counted = forget::count(person, &mut connection).await.unwrap();
    let forgotten = forget::forget(person, &mut connection).await.unwrap();
    assert_eq!(forgotten, counted);
    assert_eq!(forget::count(person, &mut connection).await.unwrap(), 0);
    forgotten
}

/// The places of these rows in [`TRAIL`], of one round.
async fn places(database: &Database, query: AuditQuery) -> Vec<String> {
    let (rows, _) = query.run(database).await.unwrap();
    let first_round = rows.into_iter().filter_map(|row| {
        let place = row.request_id.strip_prefix("0-");
        place.map(str::to_owned)
    });
    first_round.collect()
}

#[tokio::test]
async fn a_person_who_is_forgotten_is_found_by_the_pseudonym_only() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    fill(&database).await;
    let members = [
        (r#"["web","bob"] read-write"#, "workspace add-member"),
        (r#"["web","bob"]"#, "workspace remove-member"),
        (r#"["web","bobby"] read"#, "workspace add-member"),
        (r#"[null,"bob"] read"#, "workspace add-member"),
        (r#"["web","bob"]"#, "org create"),
    ];
    for (n, (detail, action)) in members.into_iter().enumerate() {
        let insert = sqlx::query(
            "INSERT INTO audit_trail (time, request_id, dialect, caller, owner_kind, owner_id, bucket, \
             prefix, access, access_key_id, expiration, action, detail, holder) \
             VALUES ('2026-11-23T00:00:00Z', $1, '', 'operator eve', 'workspace', 'acme/lab', '', '', '', \
             '', '', $2, $3, '')",
        );
        let insert = insert.bind(format!("member-{n}")).bind(action).bind(detail);
        run(&database, insert).await;
    }
    // Of each round one's own row, the one of a workspace, the release, and two of an access key.
    assert_eq!(forget_bob(&database, false).await, 3 * 5 + 2);
    let by_owner = |owner: &str| AuditQuery {
        owner: Some(owner.to_owned()),
        ..all()
    };
    let by_caller = |caller: &str| AuditQuery {
        caller: Some(caller.to_owned()),
        ..all()
    };
    assert_eq!(
        places(&database, by_owner(PSEUDONYM)).await,
        ["0", "9", "12", "13"]
    );
    assert_eq!(places(&database, by_caller(PSEUDONYM)).await, ["0", "6"]);
    assert!(places(&database, by_owner("web/bob")).await.is_empty());
    assert!(places(&database, by_caller("web/bob")).await.is_empty());
    assert_eq!(places(&database, by_owner("bob")).await, ["1", "10", "11"]);
    let detail = |row: &AnyRow| text(row, "detail");
    let details = "SELECT detail FROM audit_trail WHERE request_id LIKE 'member-%' ORDER BY id";
    let details = database.rows("test", sqlx::query(details), detail).await;
    let expected = [
        format!("{PSEUDONYM} read-write"),
        PSEUDONYM.to_owned(),
        r#"["web","bobby"] read"#.to_owned(),
        r#"[null,"bob"] read"#.to_owned(),
        r#"["web","bob"]"#.to_owned(),
    ];
    assert_eq!(details.unwrap(), expected);
    // The rows that name the subject without a client.
    assert_eq!(forget_bob(&database, true).await, 3 * 2 + 1);
    assert_eq!(places(&database, by_owner("bob")).await, ["1"]);
    let holders = ["9", "10", "11", "12", "13"];
    let found = places(&database, by_owner(PSEUDONYM)).await;
    assert_eq!(found, [&["0"], &holders[..]].concat());
}

#[tokio::test]
async fn many_rows_are_forgotten_in_batches() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    for n in 0..1_201 {
        let insert = sqlx::query(
            r#"INSERT INTO audit_trail (time, request_id, dialect, caller, owner_kind, owner_id, bucket,
             prefix, access, access_key_id, expiration) VALUES ('', $1, '', 'principal ["web","bob"]',
             'principal', '["web","bob"]', '', '', '', '', '')"#,
        );
        run(&database, insert.bind(n.to_string())).await;
    }
    assert_eq!(forget_bob(&database, true).await, 1_201);
}
