//! `GET /api/v1/org/{org}/ws/{ws}/storage/credentials`, see docs/api/workspace.md.

use std::time::Duration;

use cloakroom::domain::Access;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{
    Answer, App, SCOPE, Setup, fake_authorization_server, introspection_says, s3, spawn_app,
    until_limited,
};

const RESEARCH: &str = "acme/research";
const ALICE: [(&str, Access); 1] = [("alice", Access::ReadWrite)];

fn assert_refused(answer: &Answer, status: u16, kind: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.assert_common_headers();
    let body = answer.json();
    assert_eq!(
        (&body["code"], &body["type"]),
        (&json!(status), &json!(kind))
    );
    assert!(body["detail"].as_str().unwrap().ends_with('.'), "{body}");
    let members = if status == 422 { 4 } else { 3 };
    assert_eq!(body.as_object().unwrap().len(), members, "{body}");
    assert!(status != 401 || answer.header("www-authenticate").is_some());
}

async fn with_research(setup: Setup) -> App {
    let app = setup.spawn().await;
    app.workspace(RESEARCH, &ALICE).await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_matches_seed_002() {
    let app = with_research(Setup::default()).await;
    let answer = app.ask_workspace(RESEARCH, &app.token("alice").await).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.assert_common_headers();
    let body = answer.json();
    let mut text = answer.text.replace(&app.storage.url(), "");
    for name in [
        "access_key_id",
        "expiration",
        "secret_access_key",
        "session_token",
    ] {
        text = text.replace(body[name].as_str().unwrap(), "");
    }
    let expiration = body["expiration"].as_str().unwrap();
    assert!(
        expiration.len() == 20 && expiration.ends_with('Z'),
        "{expiration}"
    );
    // printf '%s\0ws\0%s\0%s\0' "" acme research | sha256sum | cut -c1-63
    insta::assert_snapshot!(
        text,
        @r#"{"access_key_id":"","bucket":"f6d2245b7f18765c82f961cd7c6df69f8f1cd4d102bf008723f7a56e5546afa","endpoint":"","expiration":"","prefix":"research/","region":"us-east-1","secret_access_key":"","session_token":""}"#
    );
}

fn client(body: &Value) -> aws_sdk_s3::Client {
    let text = |name: &str| body[name].as_str().unwrap();
    s3(
        text("endpoint"),
        text("access_key_id"),
        text("secret_access_key"),
        Some(text("session_token")),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_member_gets_read_only_credentials() {
    let app = spawn_app().await;
    let members = [("alice", Access::ReadWrite), ("bob", Access::Read)];
    app.workspace(RESEARCH, &members).await;
    let put = async |user: &str, query: &str| {
        let token = app.token(user).await;
        let request = app.get_workspace(RESEARCH).bearer_auth(token);
        let (client, request) = request.build_split();
        let mut request = request.unwrap();
        request
            .url_mut()
            .set_query((!query.is_empty()).then_some(query));
        let answer = Answer::read(client.execute(request).await.unwrap()).await;
        let body = answer.json();
        let put = client_put(&body).await;
        (put, body)
    };
    assert_eq!(put("alice", "").await.0, 200);
    assert_eq!(put("alice", "access=read").await.0, 403);
    let (status, body) = put("bob", "").await;
    assert_eq!(status, 403);
    assert_eq!(put("bob", "access=read-write").await.0, 403);
    let bucket = body["bucket"].as_str().unwrap();
    let got = client(&body).get_object().bucket(bucket).key("research/x");
    got.send().await.unwrap();
}

async fn client_put(body: &Value) -> u16 {
    let bucket = body["bucket"].as_str().unwrap();
    let put = client(body).put_object().bucket(bucket).key("research/x");
    match put.send().await {
        Ok(_) => 200,
        Err(error) => error.raw_response().unwrap().status().as_u16(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_credentials_are_refused() {
    let app = with_research(Setup::default()).await;
    let none = app.send(app.get_workspace(RESEARCH)).await;
    assert_refused(&none, 401, "authentication_error");
    for bad in ["nonsense", &app.token_with(&[("expires_in", "0")]).await] {
        let answer = app.ask_workspace(RESEARCH, bad).await;
        assert_refused(&answer, 401, "authentication_error");
    }
    let anonymous = app.token_with(&[("without_claim", "sub")]).await;
    let answer = app.ask_workspace(RESEARCH, &anonymous).await;
    assert_refused(&answer, 400, "invalid_request");
    let other = app.token_with(&[("scope", "other")]).await;
    let answer = app.ask_workspace(RESEARCH, &other).await;
    assert_refused(&answer, 403, "permission_denied");
    let malformed = app.ask_workspace(RESEARCH, "a,b").await;
    assert_refused(&malformed, 400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn non_members_get_404_whether_the_workspace_exists_or_not() {
    let app = with_research(Setup::default()).await;
    let token = app.token("carol").await;
    let mut bodies = Vec::new();
    for name in [RESEARCH, "acme/nothing", "nobody/nothing"] {
        let answer = app.ask_workspace(name, &token).await;
        assert_refused(&answer, 404, "not_found");
        bodies.push(answer.text);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    let administer = app.administer().await;
    let acme = "acme".parse().unwrap();
    administer.set_enabled(&acme, false).await.unwrap();
    let answer = app.ask_workspace(RESEARCH, &token).await;
    assert_refused(&answer, 404, "not_found");
    let member = app.token("alice").await;
    let answer = app.ask_workspace(RESEARCH, &member).await;
    assert_refused(&answer, 403, "permission_denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn membership_holds_for_one_client_only() {
    let app = spawn_app().await;
    app.workspace(RESEARCH, &[]).await;
    let member = cloakroom::domain::Member {
        issuer: None,
        subject: cloakroom::domain::Subject::parse("alice").unwrap(),
        client_id: Some(cloakroom::domain::ClientId::parse("editor").unwrap()),
        access: Access::Read,
    };
    let name = RESEARCH.parse().unwrap();
    app.administer()
        .await
        .set_member(&name, &member)
        .await
        .unwrap();
    let demo = app.token("alice").await;
    assert_eq!(app.ask_workspace(RESEARCH, &demo).await.status, 404);
    let editor = app.token_with(&[("client_id", "editor")]).await;
    assert_eq!(app.ask_workspace(RESEARCH, &editor).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_slugs_are_422_with_their_location() {
    let app = with_research(Setup::default()).await;
    let token = app.token("alice").await;
    for (name, places) in [
        ("Acme/research", &["path.org"][..]),
        ("acme/re_search", &["path.ws"]),
        ("-/..%2f", &["path.org", "path.ws"]),
        ("acme%00/research", &["path.org"]),
        ("a*/b%20c", &["path.org", "path.ws"]),
    ] {
        let answer = app.ask_workspace(name, &token).await;
        assert_refused(&answer, 422, "validation_error");
        let body = answer.json();
        let errors = body["errors"].as_array().unwrap();
        let of = |name: &str| -> Vec<&str> {
            let values = errors.iter().map(|error| error[name].as_str().unwrap());
            values.collect()
        };
        assert_eq!(of("location"), places, "{name}");
        assert!(of("type").iter().all(|kind| *kind == "invalid_slug"));
        assert!(of("message").iter().all(|message| message.contains("a-z")));
    }
    let long = format!("{}/research", "a".repeat(64));
    assert_refused(
        &app.ask_workspace(&long, &token).await,
        422,
        "validation_error",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn outdated_client_is_426() {
    let app =
        with_research(Setup::default().key("workspaces.minimum_client_version", "1.10.0")).await;
    let token = app.token("alice").await;
    let ask = async |version: &str| {
        let request = app.get_workspace(RESEARCH).bearer_auth(&token);
        app.send(request.header("x-client-version", version)).await
    };
    for good in ["1.10.0", "1.10.1", "2.0.0"] {
        assert_eq!(ask(good).await.status, 200, "{good}");
    }
    for old in ["1.9.9", "1.2.0", "0.99.0", "1.10.0-beta.1"] {
        assert_refused(&ask(old).await, 426, "upgrade_required");
    }
    for bad in ["", "1", "v1.10.0", "latest"] {
        assert_refused(&ask(bad).await, 400, "invalid_request");
    }
    let silent = app.ask_workspace(RESEARCH, &token).await;
    assert_eq!(silent.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_bodies_and_parameters() {
    let app = with_research(Setup::default()).await;
    let token = app.token("alice").await;
    let url = format!(
        "{}/api/v1/org/acme/ws/research/storage/credentials",
        app.url
    );
    for method in ["POST", "PUT", "HEAD"] {
        let request = app.http.request(method.parse().unwrap(), &url);
        let answer = app.send(request.bearer_auth(&token)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")));
        if method != "HEAD" {
            assert_refused(&answer, 405, "method_not_allowed");
        }
    }
    for query in [
        "acess=read",
        "access=all",
        "duration=1",
        "format=env",
        "access_token=x",
    ] {
        let request = app.http.get(format!("{url}?{query}"));
        let answer = app.send(request.bearer_auth(&token)).await;
        assert_refused(&answer, 400, "invalid_request");
    }
    let get = || app.get_workspace(RESEARCH).bearer_auth(&token);
    let large = get().body("x".repeat(70_000));
    assert_refused(&app.send(large).await, 413, "payload_too_large");
    let text = get().body("x");
    assert_refused(&app.send(text).await, 415, "unsupported_media_type");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict() {
    let app = with_research(Setup::default()).await;
    let database = app.database().await;
    sqlx::query("DELETE FROM owned_buckets")
        .execute(&database)
        .await
        .unwrap();
    let answer = app.ask_workspace(RESEARCH, &app.token("alice").await).await;
    assert_refused(&answer, 409, "conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_often() {
    let app = with_research(Setup::default().key("limits.per_owner", "1/s burst 1")).await;
    let token = app.token("alice").await;
    let again = until_limited(1, 200, async || app.ask_workspace(RESEARCH, &token).await).await;
    assert_refused(&again, 429, "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn authorization_server_failures_and_timeouts() {
    for (answer, status, kind) in [
        (ResponseTemplate::new(500), 502, "bad_gateway"),
        (
            ResponseTemplate::new(200).set_delay(Duration::from_secs(30)),
            504,
            "gateway_timeout",
        ),
    ] {
        let fake = fake_authorization_server().await;
        introspection_says(&fake, answer).await;
        let app = Setup::default()
            .key("oauth.issuer", &fake.uri())
            .spawn()
            .await;
        let answer = app.ask_workspace(RESEARCH, "token").await;
        assert_refused(&answer, status, kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn store_failures_and_timeouts() {
    let app = with_research(Setup::default()).await;
    let late = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    Mock::given(any()).respond_with(slow).mount(&late).await;
    for (endpoint, status, kind) in [
        ("http://127.0.0.1:1".to_owned(), 502, "bad_gateway"),
        (late.uri(), 504, "gateway_timeout"),
    ] {
        let other = Setup::default()
            .beside(&app)
            .key("storage.endpoint", &endpoint)
            .spawn()
            .await;
        let token = other.token("alice").await;
        let answer = other.ask_workspace(RESEARCH, &token).await;
        assert_refused(&answer, status, kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_failures() {
    let app = with_research(Setup::default()).await;
    let token = app.token("alice").await;
    let busy = Setup::default()
        .replica_of(&app)
        .change(|config| config.http.max_in_flight = 0)
        .spawn()
        .await;
    let answer = busy.ask_workspace(RESEARCH, &token).await;
    assert_refused(&answer, 503, "service_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    let database = app.database().await;
    sqlx::query("ALTER TABLE members RENAME TO gone")
        .execute(&database)
        .await
        .unwrap();
    let answer = app.ask_workspace(RESEARCH, &token).await;
    assert_refused(&answer, 500, "internal_error");
}

/// The answer of a gateway that takes memberships from the claim `groups`, to a token with this claim.
async fn with_claim(groups: Value) -> Answer {
    let fake = fake_authorization_server().await;
    let claims = json!({
        "active": true, "sub": "dave", "client_id": "c", "scope": SCOPE, "groups": groups,
    });
    introspection_says(&fake, ResponseTemplate::new(200).set_body_json(claims)).await;
    let app = Setup::default()
        .key("oauth.issuer", &fake.uri())
        .key("workspaces.membership_claim", "groups")
        .spawn()
        .await;
    app.workspace(RESEARCH, &ALICE).await;
    let answer = app.ask_workspace(RESEARCH, "token").await;
    if answer.status == 200 {
        let access = client_put(&answer.json()).await;
        assert_eq!(access == 200, !groups.to_string().contains(":read"));
    }
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn membership_can_come_from_a_claim() {
    for groups in [
        json!("acme/research"),
        json!("/acme/research:read"),
        json!(["/admins", "/acme/research"]),
    ] {
        assert_eq!(with_claim(groups.clone()).await.status, 200, "{groups}");
    }
    for groups in [json!([]), json!("acme/other"), json!(["/acme/research/x"])] {
        assert_refused(&with_claim(groups).await, 404, "not_found");
    }
    for nonsense in [
        json!(1),
        json!({"acme/research": true}),
        json!(["acme/research", 1]),
    ] {
        assert_refused(&with_claim(nonsense).await, 502, "bad_gateway");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unconfigured_membership_claim_is_ignored() {
    let fake = fake_authorization_server().await;
    let claims = json!({
        "active": true, "sub": "dave", "client_id": "c", "scope": SCOPE, "groups": [RESEARCH],
    });
    introspection_says(&fake, ResponseTemplate::new(200).set_body_json(claims)).await;
    let app = with_research(Setup::default().key("oauth.issuer", &fake.uri())).await;
    assert_eq!(app.ask_workspace(RESEARCH, "token").await.status, 404);
}
