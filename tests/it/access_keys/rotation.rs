use std::collections::HashSet;
use std::time::{Duration, Instant};

use wiremock::matchers::{any, body_string_contains, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Raw, Setup};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn new_pair_ends_the_previous_one() {
    let (app, token) = acme(Setup::default()).await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let first = pair(&ask(&app, token.expose(), key.id.as_str()).await);
    assert_eq!(listed(&client(&app, &first), "data").await, 200);
    let second = pair(&ask(&app, token.expose(), key.id.as_str()).await);
    assert_ne!(first, second);
    assert_eq!(listed(&client(&app, &first), "data").await, 403);
    assert_eq!(listed(&client(&app, &second), "data").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn overlap_keeps_the_previous_pair_for_a_while() {
    let (app, token) = acme(Setup::default().key("access_keys.overlap", "1h")).await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let mut pairs = Vec::new();
    for _ in 0..3 {
        pairs.push(pair(&ask(&app, token.expose(), key.id.as_str()).await));
    }
    let mut alive = Vec::new();
    for pair in &pairs {
        alive.push(listed(&client(&app, pair), "data").await);
    }
    assert_eq!(alive, [403, 200, 200], "two at the most");
    let database = app.database().await;
    sqlx::query("UPDATE access_key_pairs SET ends_at = '2000-01-01T00:00:00Z' WHERE ends_at <> ''")
        .execute(&database)
        .await
        .unwrap();
    let started = std::time::Instant::now();
    while listed(&client(&app, &pairs[1]), "data").await == 200 {
        assert!(started.elapsed() < Duration::from_secs(20));
    }
    assert_eq!(listed(&client(&app, &pairs[2]), "data").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_rotations_at_once_leave_one_living_pair() {
    let (app, token) = acme(Setup::default()).await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let (mut pairs, mut refused) = (Vec::new(), 0);
    while pairs.len() < 10 {
        let all = (0..4).map(|_| ask(&app, token.expose(), key.id.as_str()));
        for answer in futures_util::future::join_all(all).await {
            match answer.status {
                200 => pairs.push(pair(&answer)),
                422 => {
                    assert_refused(&answer, 422, "object_storage_provisioning_error");
                    refused += 1;
                }
                429 => tokio::time::sleep(Duration::from_millis(100)).await,
                _ => panic!("{answer:?}"),
            }
        }
    }
    assert!(refused > 0, "nothing happened at once");
    let ids: HashSet<&String> = pairs.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), pairs.len(), "each is a new one");
    let mut alive = 0;
    for pair in &pairs {
        alive += usize::from(listed(&client(&app, pair), "data").await == 200);
    }
    assert_eq!(alive, 1, "of {}", pairs.len());
}

/// Asks until the key is free, and no longer than a caller would.
async fn pair_soon(app: &App, token: &ApiKey, key: &AccessKey) -> (String, String) {
    let started = Instant::now();
    loop {
        let answer = ask(app, token.expose(), key.id.as_str()).await;
        if answer.status == 200 {
            return pair(&answer);
        }
        assert!([422, 429].contains(&answer.status), "{answer:?}");
        assert!(started.elapsed() < Duration::from_secs(10), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_does_not_lock_the_key() {
    let (app, token) = acme(Setup::default()).await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let asked = Instant::now();
    pair(&ask(&app, token.expose(), key.id.as_str()).await);
    let took = asked.elapsed();
    let body = json!({ "access_key": { "id": key.id.as_str() } }).to_string();
    let asking = format!(
        "POST {PATH} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        token.expose(),
        body.len()
    );
    // At each stage of a rotation. A reset, because a caller that only closes its side may still read.
    for stage in 1..12 {
        let mut caller = Raw::open(&app.url).await;
        caller.send(&asking).await;
        tokio::time::sleep(took * stage / 12).await;
        caller.stream.set_zero_linger().unwrap();
        drop(caller);
        let given = pair_soon(&app, &token, &key).await;
        assert_eq!(listed(&client(&app, &given), "data").await, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_refuses_does_not_lock_the_key() {
    let (app, token) = acme(Setup::default()).await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let before = pair(&ask(&app, token.expose(), key.id.as_str()).await);
    let refusing = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(403))
        .mount(&refusing)
        .await;
    let down = Setup::default()
        .replica_of(&app)
        .key("storage.endpoint", &refusing.uri());
    let down = brokering(down).await;
    let answer = ask(&down, token.expose(), key.id.as_str()).await;
    assert_refused(&answer, 503, "service_unavailable");
    assert_eq!(listed(&client(&app, &before), "data").await, 200);
    let after = pair_soon(&app, &token, &key).await;
    assert_eq!(listed(&client(&app, &after), "data").await, 200);
    are_at_the_engine(&app, &[after.0]).await;
}

/// An engine whose IAM delays each answer; it has one user and no pair.
async fn iam_that_takes(delay: Duration) -> MockServer {
    let engine = MockServer::start().await;
    for (action, result) in [
        (
            "CreateUser",
            "<User><Path>/</Path><UserName>u</UserName><UserId>i</UserId><Arn>a</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></User>",
        ),
        ("PutUserPolicy", ""),
        (
            "CreateAccessKey",
            "<AccessKey><UserName>u</UserName><AccessKeyId>AKIANEW</AccessKeyId><Status>Active</Status><SecretAccessKey>secret</SecretAccessKey></AccessKey>",
        ),
        (
            "ListAccessKeys",
            "<AccessKeyMetadata></AccessKeyMetadata><IsTruncated>false</IsTruncated>",
        ),
    ] {
        let body = format!(
            "<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{action}Result>{result}</{action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
        );
        Mock::given(method("POST"))
            .and(body_string_contains(format!("Action={action}&")))
            .respond_with(
                ResponseTemplate::new(200)
                    .set_body_string(body)
                    .set_delay(delay),
            )
            .mount(&engine)
            .await;
    }
    engine
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_engine_is_waited_for_5_s_at_most() {
    let app = brokering(Setup::default()).await;
    let token = with_organisation(&app, "acme").await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    // Each answer comes in time, but not all four.
    let slow = iam_that_takes(Duration::from_millis(2_500)).await;
    let slow = Setup::default()
        .beside(&app)
        .key("storage.endpoint", &slow.uri());
    let slow = brokering(slow).await;
    let started = Instant::now();
    let answer = ask(&slow, token.expose(), key.id.as_str()).await;
    assert_refused(&answer, 503, "service_unavailable");
    let took = started.elapsed();
    assert!(took < Duration::from_secs(7), "{took:?}");
}

/// An engine whose IAM answers at once, and whose S3 does not know the pair for some 3 s.
async fn engine_that_takes_its_time() -> MockServer {
    let engine = iam_that_takes(Duration::ZERO).await;
    let unknown = "<Error><Code>InvalidAccessKeyId</Code></Error>";
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(403).set_body_string(unknown))
        .up_to_n_times(14)
        .mount(&engine)
        .await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_string("<ListBucketResult/>"))
        .mount(&engine)
        .await;
    engine
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_gateway_finishes_a_pending_rotation() {
    let app = brokering(Setup::default()).await;
    let token = with_organisation(&app, "acme").await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let engine = engine_that_takes_its_time().await;
    let stopping = Setup::default()
        .beside(&app)
        .key("storage.endpoint", &engine.uri());
    let stopping = brokering(stopping).await;
    let answer = ask(&stopping, token.expose(), key.id.as_str()).await;
    let state = &answer.json()["object_storage_access_key"]["state"];
    assert_eq!(state, "pending");
    stopping.stop().await;
    let found: (String, String, String) = sqlx::query_as(
        "SELECT k.state, k.rotation, p.unproven \
         FROM access_keys k JOIN access_key_pairs p ON p.access_key = k.id",
    )
    .fetch_one(&app.database().await)
    .await
    .unwrap();
    assert_eq!(found, ("active".into(), String::new(), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_that_is_made_while_the_formula_changes_is_not_handed_out() {
    let app = brokering(Setup::default()).await;
    let token = with_organisation(&app, "acme").await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let engine = iam_that_takes(Duration::from_millis(500)).await;
    let slow = Setup::default()
        .beside(&app)
        .key("storage.endpoint", &engine.uri());
    let slow = brokering(slow).await;
    let database = app.database().await;
    let is_asked = async || {
        let requests = engine.received_requests().await.unwrap();
        requests.iter().any(|request| request.method == "POST")
    };
    let change = async {
        // The rotation has been admitted by then, and no pair is on record yet.
        while !is_asked().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let change = "UPDATE fingerprint SET value = 'new' WHERE name = 'naming.namespace'";
        let changed = sqlx::query(change).execute(&database).await.unwrap();
        assert_eq!(changed.rows_affected(), 1);
    };
    let (answer, ()) = tokio::join!(ask(&slow, token.expose(), key.id.as_str()), change);
    assert_refused(&answer, 406, "task_queueing_error");
    let pairs = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM access_key_pairs");
    assert_eq!(pairs.fetch_one(&database).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_pair_is_pending_and_becomes_active() {
    let app = brokering(Setup::default()).await;
    let token = with_organisation(&app, "acme").await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let engine = engine_that_takes_its_time().await;
    let slow = Setup::default()
        .beside(&app)
        .key("storage.endpoint", &engine.uri());
    let slow = brokering(slow).await;
    let answer = ask(&slow, token.expose(), key.id.as_str()).await;
    assert_eq!(pair(&answer).0, "AKIANEW");
    let state = &answer.json()["object_storage_access_key"]["state"];
    assert_eq!(state, "pending");
    let again = ask(&slow, token.expose(), key.id.as_str()).await;
    assert_refused(&again, 422, "object_storage_provisioning_error");
    let database = app.database().await;
    let started = std::time::Instant::now();
    loop {
        let (state, rotation): (String, String) =
            sqlx::query_as("SELECT state, rotation FROM access_keys")
                .fetch_one(&database)
                .await
                .unwrap();
        if (state.as_str(), rotation.as_str()) == ("active", "") {
            break;
        }
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{state} {rotation}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let recorded: Vec<String> = sqlx::query_scalar("SELECT access_key_id FROM access_key_pairs")
        .fetch_all(&database)
        .await
        .unwrap();
    assert_eq!(recorded, ["AKIANEW"], "whatever the engine's list lacks");
}

/// What is at the engine of all keys.
fn at_the_engine(app: &crate::support::App) -> Vec<String> {
    let file = app.directory.path().join("storage/iam.json");
    let users: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let users = users["users"].as_object().unwrap();
    users
        .values()
        .flat_map(|user| user["keys"].as_array().unwrap().clone())
        .map(|key| key["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Waits until no other pairs are: a call may be answered before the engine has forgotten one.
async fn are_at_the_engine(app: &crate::support::App, pairs: &[String]) {
    for _ in 0..100 {
        if at_the_engine(app) == pairs {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(at_the_engine(app), pairs);
}

#[tokio::test(flavor = "multi_thread")]
async fn unrecordable_pair_is_ended_and_the_previous_one_lives() {
    let (app, token) = acme(Setup::default()).await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let before = pair(&ask(&app, token.expose(), key.id.as_str()).await);
    let database = app.database().await;
    sqlx::query(
        "CREATE TRIGGER full BEFORE INSERT ON access_key_pairs \
         BEGIN SELECT RAISE(ABORT, 'full'); END",
    )
    .execute(&database)
    .await
    .unwrap();
    let answer = ask(&app, token.expose(), key.id.as_str()).await;
    assert_refused(&answer, 406, "task_queueing_error");
    are_at_the_engine(&app, std::slice::from_ref(&before.0)).await;
    assert_eq!(listed(&client(&app, &before), "data").await, 200);
    sqlx::query("DROP TRIGGER full")
        .execute(&database)
        .await
        .unwrap();
    let after = pair(&ask(&app, token.expose(), key.id.as_str()).await);
    are_at_the_engine(&app, &[after.0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_deleted_or_disabled_during_a_rotation_ends() {
    let (app, token) = acme(Setup::default()).await;
    let administer = app.administer().await;
    let database = app.database().await;
    let statement = |text: &'static str| sqlx::query(text).execute(&database);
    for delete in [false, true] {
        let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
        let got = pair(&ask(&app, token.expose(), key.id.as_str()).await);
        // A rotation counts as under way.
        statement(
            "UPDATE access_keys SET rotation = 'x', rotation_began_at = '2999-01-01T00:00:00Z'",
        )
        .await
        .unwrap();
        if delete {
            administer.delete_access_key(&key.id).await.unwrap();
        } else {
            administer.disable_access_key(&key.id).await.unwrap();
        }
        administer.look_after_key(&key.id).await.unwrap();
        assert_eq!(listed(&client(&app, &got), "data").await, 403, "at once");
        let left = || sqlx::query_scalar::<_, i64>("SELECT count(*) FROM access_keys");
        assert_eq!(
            left().fetch_one(&database).await.unwrap(),
            1,
            "it may still make something"
        );
        statement("UPDATE access_keys SET rotation_began_at = '2000-01-01T00:00:00Z'")
            .await
            .unwrap();
        administer.look_after_key(&key.id).await.unwrap();
        let expected = i64::from(!delete);
        assert_eq!(left().fetch_one(&database).await.unwrap(), expected);
        statement("DELETE FROM access_keys").await.unwrap();
    }
    are_at_the_engine(&app, &[]).await;
}
