//! The gateway's books: what it gave out is on record, exactly, and no bucket has two owners.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sqlx::AnyPool;

use crate::support::App;

use super::names::{Person, Place};

/// The ids that the gateway's answers with credentials had.
#[derive(Default)]
pub(super) struct Given {
    /// The requests that were answered with sessions.
    pub(super) requests: BTreeSet<String>,
    /// The pairs of access keys.
    pub(super) pairs: BTreeSet<String>,
}

/// The session is on record when its answer arrives.
pub(super) async fn assert_recorded(database: &AnyPool, request: &str, key: &str) {
    let rows = sqlx::query_scalar::<_, i64>(
        "SELECT COUNT(*) FROM audit_trail WHERE action = 'vend' AND request_id = $1 AND access_key_id = $2",
    );
    let rows = rows.bind(request).bind(key).fetch_one(database).await;
    assert_eq!(rows.unwrap(), 1, "audit: {key} came before its event");
}

/// The audit trail has the answers and nothing else.
pub(super) async fn assert_exact(database: &AnyPool, given: &Given) {
    let requests = "SELECT request_id FROM audit_trail WHERE action = 'vend'";
    assert_eq!(
        texts(database, requests).await,
        given.requests,
        "audit: events of sessions"
    );
    let pairs = "SELECT access_key_id FROM audit_trail WHERE action = 'access-key rotate'";
    assert_eq!(
        texts(database, pairs).await,
        given.pairs,
        "audit: events of rotations"
    );
}

/// Each bucket has one owner: the one that the formula says.
pub(super) async fn assert_one_owner_each(database: &AnyPool) {
    let doubled = "SELECT o.bucket FROM owned_buckets o JOIN former_buckets f USING (bucket) \
         WHERE (o.owner_kind, o.owner_id) <> (f.owner_kind, f.owner_id)";
    assert_eq!(
        texts(database, doubled).await,
        BTreeSet::new(),
        "owners: two of a bucket"
    );
    let own = |person: Person| (person.principal().to_string(), Place::Own(person).bucket());
    let expected: BTreeMap<String, String> = Person::all().map(own).collect();
    let rows = "SELECT owner_id, bucket FROM owned_buckets WHERE owner_kind = 'principal'";
    let rows = sqlx::query_as::<_, (String, String)>(rows).fetch_all(database);
    for (owner, bucket) in rows.await.unwrap() {
        assert_eq!(expected.get(&owner), Some(&bucket), "owners: of {owner}");
    }
}

/// The engine has the living pairs and no others, and so has the registry.
pub(super) async fn assert_pairs(app: &App, database: &AnyPool, living: BTreeSet<String>) {
    let recorded = texts(database, "SELECT access_key_id FROM access_key_pairs").await;
    assert_eq!(recorded, living, "pairs: on record");
    assert_eq!(at_the_engine(app), living, "pairs: at the engine");
}

fn at_the_engine(app: &App) -> BTreeSet<String> {
    let path = app.directory.path().join("storage").join("iam.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        return BTreeSet::new();
    };
    let account: Value = serde_json::from_str(&text).unwrap();
    let users = account["users"].as_object().unwrap().values();
    let keys = users.flat_map(|user| user["keys"].as_array().unwrap());
    keys.map(|key| key["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn texts(database: &AnyPool, statement: &'static str) -> BTreeSet<String> {
    let rows = sqlx::query_scalar::<_, String>(statement).fetch_all(database);
    rows.await.unwrap().into_iter().collect()
}
