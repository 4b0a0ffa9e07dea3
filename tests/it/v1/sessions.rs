//! `GET /v1/storage/sessions`, see docs/api/sessions.md.

use cloakroom::domain::{Access, Block, BlockTarget, ClientId};
use serde_json::{Value, json};

use crate::support::{ALICES_BUCKET, Answer, App, spawn_app};

const BOTH: [(&str, Access); 2] = [("alice", Access::ReadWrite), ("bob", Access::Read)];

async fn ask(app: &App, user: &str, query: &str) -> Answer {
    let url = format!("{}/v1/storage/sessions{query}", app.url);
    let request = app.http.get(url).bearer_auth(app.token(user).await);
    app.send(request).await
}

async fn list(app: &App, user: &str, query: &str) -> Value {
    let answer = ask(app, user, query).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.assert_common_headers();
    answer.json()
}

async fn open_research(app: &App, user: &str) -> Value {
    let token = app.token(user).await;
    let answer = app.ask_workspace("acme/research", &token).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn key_ids(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item["access_key_id"].as_str().unwrap())
        .collect()
}

fn are_revoked(list: &Value) -> Vec<bool> {
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item["revoked"].as_bool().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_sees_what_was_handed_out_the_newest_first() {
    let app = spawn_app().await;
    app.workspace("acme/research", &BOTH).await;
    let empty = list(&app, "alice", "").await;
    assert_eq!(empty, json!({ "items": [], "next": null }));
    let own = app.ask(&app.token("alice").await).await.json();
    let research = open_research(&app, "alice").await;
    let listed = list(&app, "alice", "").await;
    let time = |index: usize| listed["items"][index]["time"].clone();
    let expected = json!([
        {
            "time": time(0), "dialect": "workspace", "bucket": research["bucket"],
            "prefix": research["prefix"], "access": "read-write",
            "access_key_id": research["access_key_id"], "expiration": research["expiration"],
            "revoked": false,
        },
        {
            "time": time(1), "dialect": "v1", "bucket": ALICES_BUCKET, "prefix": "",
            "access": "read-write", "access_key_id": own["credentials"]["accessKeyId"],
            "expiration": own["credentials"]["expiration"], "revoked": false,
        },
    ]);
    assert_eq!(listed["items"], expected);
    assert_eq!(listed["next"], Value::Null);
    for text in [time(0), time(1)] {
        let text = text.as_str().unwrap();
        assert!(text.ends_with('Z') && text.len() == 20, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_members_sessions_are_not_listed() {
    let app = spawn_app().await;
    app.workspace("acme/research", &BOTH).await;
    let alices = open_research(&app, "alice").await;
    let bobs = open_research(&app, "bob").await;
    app.credentials_of("carol").await;
    for (user, own) in [("alice", alices), ("bob", bobs)] {
        let listed = list(&app, user, "").await;
        assert_eq!(key_ids(&listed), [&own["access_key_id"]], "{user}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_every_session_once() {
    let app = spawn_app().await;
    app.workspace("acme/research", &BOTH).await;
    for _ in 0..3 {
        app.credentials_of("alice").await;
        open_research(&app, "alice").await;
        open_research(&app, "bob").await;
    }
    let all = list(&app, "alice", "").await;
    let (mut found, mut query) = (Vec::new(), "?limit=4".to_owned());
    let mut pages = 0;
    loop {
        let page = list(&app, "alice", &query).await;
        found.extend(page["items"].as_array().unwrap().clone());
        pages += 1;
        let Some(next) = page["next"].as_str() else {
            break;
        };
        query = format!("?limit=4&after={next}");
    }
    assert_eq!((found.len(), pages), (6, 2));
    assert_eq!(all["items"], Value::Array(found));
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_page_is_refused_like_one_that_never_was() {
    let app = spawn_app().await;
    for _ in 0..2 {
        app.credentials_of("bob").await;
    }
    let bobs = list(&app, "bob", "?limit=1").await;
    let bobs = bobs["next"].as_str().unwrap();
    let never = "0192f22e-79b0-7fff-bfff-ffffffffffff";
    for after in [bobs, never, "own", ""] {
        let answer = ask(&app, "alice", &format!("?after={after}")).await;
        answer.assert_problem(400, "invalid-request");
        let detail = &answer.json()["detail"];
        let expected = "The parameter after is not the next of an earlier page.";
        assert_eq!(detail, expected, "{after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_were_ended_are_shown_as_revoked() {
    let app = spawn_app().await;
    app.workspace("acme/research", &BOTH).await;
    app.credentials_of("alice").await;
    open_research(&app, "alice").await;
    open_research(&app, "bob").await;
    let token = app.token("alice").await;
    let revoke = app.post("/v1/credentials/revoke").bearer_auth(&token);
    assert_eq!(app.send(revoke).await.status, 200);
    app.credentials_of("alice").await;
    let listed = list(&app, "alice", "").await;
    assert_eq!(are_revoked(&listed), [false, true, true]);
    let bobs = list(&app, "bob", "").await;
    assert_eq!(are_revoked(&bobs), [false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_caller_is_refused() {
    let app = spawn_app().await;
    app.credentials_of("alice").await;
    let block = Block {
        target: BlockTarget::Client(ClientId::parse("demo").unwrap()),
        reason: "ticket 4711".parse().unwrap(),
        until: None,
    };
    app.administer().await.block(&block).await.unwrap();
    let answer = ask(&app, "alice", "").await;
    answer.assert_problem(403, "storage-not-entitled");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_lists_nothing() {
    let app = spawn_app().await;
    let url = format!("{}/v1/storage/sessions", app.url);
    let answer = app
        .send(app.http.get(url).header("x-api-key", "ck_1"))
        .await;
    answer.assert_problem(401, "missing-token");
}
