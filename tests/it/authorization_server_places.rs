//! A hanging authorization server occupies at most `oauth.max_in_flight` requests.

use std::time::Duration;

use cloakroom::service::NewArea;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use wiremock::matchers::{body_string_contains, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Answer, App, SCOPE, Setup, fake_authorization_server, introspection_says};

const HANGS: Duration = Duration::from_secs(30);

/// Waits until the server has been asked this many times.
async fn asked(server: &MockServer, at: &str, times: usize) {
    let asked = async || {
        let requests = server.received_requests().await.unwrap();
        requests.iter().filter(|r| r.url.path() == at).count()
    };
    while asked().await < times {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A gateway that serves four requests at once, of which two may wait for the authorization server.
/// That server knows the token `known` and hangs on any other.
async fn with_a_hanging_server(cache: &str) -> (App, MockServer) {
    with_places(cache, "4").await
}

/// The same with this limit on all requests.
async fn with_places(cache: &str, places: &str) -> (App, MockServer) {
    let fake = fake_authorization_server().await;
    let known = json!({ "active": true, "sub": "alice", "client_id": "demo", "scope": SCOPE });
    Mock::given(method("POST"))
        .and(path("/introspect"))
        .and(body_string_contains("token=known"))
        .respond_with(ResponseTemplate::new(200).set_body_json(known))
        .with_priority(1)
        .mount(&fake)
        .await;
    introspection_says(&fake, ResponseTemplate::new(200).set_delay(HANGS)).await;
    let app = Setup::default()
        .key("oauth.issuer", &fake.uri())
        .key("oauth.introspection_cache", cache)
        .key("http.max_in_flight", places)
        .spawn()
        .await;
    (app, fake)
}

fn assert_shed(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_without_tokens_are_served_while_the_authorization_server_hangs() {
    let (app, fake) = with_a_hanging_server("10m").await;
    let key = app.organisation("acme", &NewArea::default()).await;
    app.ask("known").await.credentials();
    assert_eq!(app.boto(&key).await.status, 200);
    // Two of them occupy both places.
    let random = ["one", "two", "three"].map(|token| app.ask(token));
    let mut calls: FuturesUnordered<_> = random.into_iter().collect();
    let shed = calls.next().await.unwrap();
    shed.assert_problem(503, "overloaded");
    assert_shed(&shed, 503);
    asked(&fake, "/introspect", 3).await;
    let other = app
        .http
        .get(format!("{}/v1/credentials/container", app.url));
    let container = app.send(other.bearer_auth("other")).await;
    assert_shed(&container, 503);
    assert_eq!(container.json()["code"], "ServiceUnavailable");
    let form = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("WebIdentityToken", "other"),
    ];
    let sts = app.send(app.post("/").form(&form)).await;
    assert_shed(&sts, 503);
    assert!(sts.text.contains("<Code>ServiceUnavailable</Code>"));
    let workspace = app.ask_workspace("acme/research", "other").await;
    assert_shed(&workspace, 503);
    assert_eq!(workspace.json()["type"], "service_unavailable");
    let katapult = app
        .post("/core/v1/object_storage/access_keys/access_key/generate_credentials")
        .bearer_auth("other")
        .json(&json!({ "access_key": { "id": "ak_0" } }));
    let katapult = app.send(katapult).await;
    assert_shed(&katapult, 503);
    assert_eq!(katapult.json()["code"], "service_unavailable");
    // An API key, and a token whose answer is cached.
    assert_eq!(app.boto(&key).await.status, 200);
    app.ask("known").await.credentials();
    while let Some(waited) = calls.next().await {
        waited.assert_problem(502, "identification-unavailable");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_requests_are_limited_without_a_cache_too() {
    let (app, fake) = with_a_hanging_server("0s").await;
    let (first, second, ()) = tokio::join!(app.ask("one"), app.ask("two"), async {
        asked(&fake, "/introspect", 2).await;
        assert_shed(&app.ask("three").await, 503);
    });
    first.assert_problem(502, "identification-unavailable");
    second.assert_problem(502, "identification-unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_cannot_take_every_place() {
    for cache in ["10m", "0s"] {
        // Four requests may wait, two of them for one token.
        let (app, _fake) = with_places(cache, "8").await;
        let mut many: FuturesUnordered<_> = (0..6).map(|_| app.ask("random")).collect();
        let crowded = many.next().await.unwrap();
        assert_shed(&crowded, 503);
        tokio::select! {
            biased;
            known = app.ask("known") => known.credentials(),
            () = async { while many.next().await.is_some() {} } => panic!("they do not wait"),
        };
    }
}
