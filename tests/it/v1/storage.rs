//! `GET /v1/storage`, see docs/api/storage.md.

use cloakroom::domain::{Access, Block, BlockTarget, Owner, Slug};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{
    ALICES_BUCKET, Answer, App, SCOPE, Setup, fake_authorization_server, introspection_says,
    spawn_app, until_limited,
};

const ALICE: [(&str, Access); 1] = [("alice", Access::ReadWrite)];

fn get(app: &App, query: &str) -> RequestBuilder {
    app.http.get(format!("{}/v1/storage{query}", app.url))
}

async fn ask(app: &App, token: &str, query: &str) -> Answer {
    app.send(get(app, query).bearer_auth(token)).await
}

async fn list(app: &App, user: &str) -> Value {
    let answer = ask(app, &app.token(user).await, "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.assert_common_headers();
    answer.json()
}

/// The kind, name and access of each entry.
fn entries(list: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let entries = list["items"].as_array().unwrap().iter();
    let entry = |item: &Value| {
        let fields = [&item["kind"], &item["name"], &item["access"]];
        fields.map(text).join(" ")
    };
    entries.map(entry).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn listing_makes_nothing_and_names_a_bucket_once_it_was_made() {
    let app = spawn_app().await;
    let before = list(&app, "alice").await;
    let own = json!({
        "kind": "own", "name": null, "bucket": null, "prefix": "", "access": "read-write",
        "endpoint": app.storage.url(), "region": "us-east-1",
    });
    assert_eq!(before, json!({ "items": [own], "next": null }));
    let buckets = app.root().list_buckets().send().await.unwrap();
    assert!(buckets.buckets().is_empty());
    app.credentials_of("alice").await;
    let after = list(&app, "alice").await;
    assert_eq!(after["items"][0]["bucket"], ALICES_BUCKET);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_see_their_workspaces_and_no_others() {
    let app = spawn_app().await;
    let both = [("alice", Access::ReadWrite), ("bob", Access::Read)];
    app.workspace("acme/research", &both).await;
    app.workspace("acme/sales", &ALICE).await;
    app.workspace("zeta/lab", &ALICE).await;
    let alice = list(&app, "alice").await;
    assert_eq!(
        entries(&alice),
        [
            "own - read-write",
            "workspace acme/research read-write",
            "workspace acme/sales read-write",
            "workspace zeta/lab read-write"
        ]
    );
    let research = &alice["items"][1];
    let opened = app
        .ask_workspace("acme/research", &app.token("alice").await)
        .await
        .json();
    for member in ["bucket", "prefix", "endpoint", "region"] {
        assert_eq!(research[member], opened[member], "{member}");
    }
    let bob = entries(&list(&app, "bob").await);
    assert_eq!(bob, ["own - read-write", "workspace acme/research read"]);
    assert_eq!(
        entries(&list(&app, "carol").await),
        ["own - read-write"],
        "no member"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_opened_is_left_out() {
    let app = spawn_app().await;
    app.workspace("acme/research", &ALICE).await;
    app.workspace("zeta/gone", &ALICE).await;
    app.workspace("zeta/blocked", &ALICE).await;
    let administer = app.administer().await;
    let acme: Slug = "acme".parse().unwrap();
    administer.set_enabled(&acme, false).await.unwrap();
    let gone = "zeta/gone".parse().unwrap();
    administer.delete_workspace(&gone, true).await.unwrap();
    let blocked = Owner::Workspace("zeta/blocked".parse().unwrap());
    block(&app, BlockTarget::Owner(blocked)).await;
    assert_eq!(entries(&list(&app, "alice").await), ["own - read-write"]);
}

async fn block(app: &App, target: BlockTarget) {
    let block = Block {
        target,
        reason: "ticket 4711".parse().unwrap(),
        until: None,
    };
    app.administer().await.block(&block).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_client_is_refused_at_once() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    assert_eq!(ask(&app, &token, "").await.status, 200);
    let client = cloakroom::domain::ClientId::parse("demo").unwrap();
    block(&app, BlockTarget::Client(client)).await;
    let answer = ask(&app, &token, "").await;
    answer.assert_problem(403, "storage-not-entitled");
}

#[tokio::test(flavor = "multi_thread")]
async fn memberships_of_the_token_count_where_there_is_such_a_workspace() {
    let fake = fake_authorization_server().await;
    let groups = ["/acme/research:read", "acme/nothing", "/admins"];
    let claims = json!({
        "active": true, "sub": "dave", "client_id": "c", "scope": SCOPE, "groups": groups,
    });
    introspection_says(&fake, ResponseTemplate::new(200).set_body_json(claims)).await;
    let app = Setup::default()
        .key("oauth.issuer", &fake.uri())
        .key("workspaces.membership_claim", "groups")
        .spawn()
        .await;
    app.workspace("acme/research", &ALICE).await;
    app.workspace("acme/sales", &[("dave", Access::ReadWrite)])
        .await;
    assert_eq!(
        entries(&ask(&app, "token", "").await.json()),
        [
            "own - read-write",
            "workspace acme/research read",
            "workspace acme/sales read-write"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_everything_once() {
    let app = spawn_app().await;
    for name in ["acme/a", "acme/a-1", "acme/b", "zeta/a"] {
        app.workspace(name, &ALICE).await;
    }
    let all = entries(&list(&app, "alice").await);
    assert_eq!(all.len(), 5);
    let token = app.token("alice").await;
    for limit in 1..=6 {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = ask(&app, &token, &format!("?limit={limit}{after}"))
                .await
                .json();
            let entries = entries(&page);
            assert!(entries.len() <= limit && !entries.is_empty(), "{page}");
            seen.extend(entries);
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(seen, all, "{limit} a page");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_lists_its_organisation() {
    let app = spawn_app().await;
    app.workspace("acme/research", &ALICE).await;
    let acme: Slug = "acme".parse().unwrap();
    let (opens, opens_not) = (app.key(&acme, true).await, app.key(&acme, false).await);
    let list = async |key: &cloakroom::domain::ApiKey| {
        let answer = app
            .send(get(&app, "").header("x-api-key", key.expose()))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        entries(&answer.json())
    };
    assert_eq!(list(&opens).await, ["organisation acme read-write"]);
    assert!(list(&opens_not).await.is_empty());
    let administer = app.administer().await;
    administer.set_enabled(&acme, false).await.unwrap();
    assert!(list(&opens).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_credentials_are_refused() {
    let app = spawn_app().await;
    app.send(get(&app, ""))
        .await
        .assert_problem(401, "missing-token");
    ask(&app, "nonsense", "")
        .await
        .assert_problem(401, "invalid-token");
    let other = app.token_with(&[("scope", "other")]).await;
    ask(&app, &other, "")
        .await
        .assert_problem(403, "insufficient-scope");
    let anonymous = app.token_with(&[("without_claim", "sub")]).await;
    ask(&app, &anonymous, "")
        .await
        .assert_problem(400, "missing-claims");
    let key = app.send(get(&app, "").header("x-api-key", "ck_x")).await;
    key.assert_problem(401, "invalid-api-key");
    assert_eq!(
        key.header("www-authenticate"),
        Some("ApiKey realm=\"cloakroom\"")
    );
    let both = get(&app, "").header("x-api-key", "ck_x").bearer_auth("x");
    app.send(both).await.assert_problem(400, "invalid-request");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_parameters_are_refused() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    for query in [
        "?limit=0",
        "?limit=1001",
        "?limit=",
        "?limit=%2B1",
        "?limit=1&limit=1",
        "?after=",
        "?after=acme",
        "?after=acme/*",
        "?page=2",
        "?access_token=x",
    ] {
        ask(&app, &token, query)
            .await
            .assert_problem(400, "invalid-request");
    }
    assert_eq!(ask(&app, &token, "?limit=1000").await.status, 200);
    let url = format!("{}/v1/storage", app.url);
    for method in ["HEAD", "POST"] {
        let request = app.http.request(method.parse().unwrap(), &url);
        let answer = app.send(request.bearer_auth(&token)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listing_counts_as_a_call_of_the_caller() {
    let app = Setup::default()
        .key("limits.per_caller", "1/s burst 1")
        .spawn()
        .await;
    let token = app.token("alice").await;
    let again = until_limited(1, 200, async || ask(&app, &token, "").await).await;
    again.assert_problem(429, "rate-limited");
}
