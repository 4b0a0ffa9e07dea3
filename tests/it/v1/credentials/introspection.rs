//! Which answers of the authorization server are accepted.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{
    App, Reserved, SCOPE, Setup, encode, fake_authorization_server, introspection_says,
};

fn good(issuer: &str) -> Value {
    json!({
        "active": true, "sub": "alice", "client_id": "demo", "scope": SCOPE, "iss": issuer,
        "token_type": "Bearer", "exp": 4_000_000_000_u64, "nbf": 1, "aud": ["cloakroom"],
    })
}

async fn gateway(fake: &MockServer, cache: &str) -> App {
    let setup = Setup::default().key("oauth.issuer", &fake.uri());
    setup.key("oauth.introspection_cache", cache).spawn().await
}

/// The status, problem and duration of a call when introspection gives this answer.
async fn outcome(answer: ResponseTemplate) -> (u16, String, Duration) {
    let fake = fake_authorization_server().await;
    introspection_says(&fake, answer).await;
    let app = gateway(&fake, "0s").await;
    let started = Instant::now();
    let answer = app.ask("token").await;
    let slug = answer.json()["type"]
        .as_str()
        .unwrap_or("vended")
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    if answer.status != 200 {
        answer.assert_problem(answer.status, &slug);
    }
    (answer.status, slug, started.elapsed())
}

async fn outcome_with(change: impl FnOnce(&mut Value)) -> (u16, String) {
    let fake = fake_authorization_server().await;
    let mut claims = good(&fake.uri());
    change(&mut claims);
    introspection_says(&fake, ResponseTemplate::new(200).set_body_json(claims)).await;
    let app = gateway(&fake, "0s").await;
    let answer = app.ask("token").await;
    let slug = answer.json()["type"]
        .as_str()
        .unwrap_or("vended")
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    (answer.status, slug)
}

#[tokio::test(flavor = "multi_thread")]
async fn good_answer_gets_credentials() {
    assert_eq!(outcome_with(|_| {}).await, (200, "vended".to_owned()));
    assert_eq!(
        outcome_with(|c| c["client_id"] = json!("demo")).await.0,
        200
    );
    for absent in ["iss", "exp", "nbf", "aud", "token_type"] {
        let outcome = outcome_with(|c| drop(c.as_object_mut().unwrap().remove(absent))).await;
        assert_eq!(outcome.0, 200, "{absent}");
    }
    assert_eq!(
        outcome_with(|c| {
            c["azp"] = json!("demo");
            c.as_object_mut().unwrap().remove("client_id");
        })
        .await
        .0,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn request_follows_rfc_7662_with_the_gateways_identity() {
    let fake = fake_authorization_server().await;
    Mock::given(method("POST"))
        .and(path("/introspect"))
        .and(header("authorization", "Basic Y2xvYWtyb29tOnB3JTI2ZA=="))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .and(body_string_contains("token=the-token"))
        .respond_with(ResponseTemplate::new(200).set_body_json(good(&fake.uri())))
        .mount(&fake)
        .await;
    let setup = Setup::default().key("oauth.issuer", &fake.uri());
    // RFC 6749 section 2.3.1: the secret is form-encoded first (pw%26d), then Base64-encoded.
    let app = setup.key("oauth.client_secret", "pw&d").spawn().await;
    assert_eq!(app.ask("the-token").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_502_and_gets_no_credentials() {
    let raw =
        |body: &str| ResponseTemplate::new(200).set_body_raw(body.to_owned(), "application/json");
    let good = good("http://as").to_string();
    let rest = &good[1..];
    let long = format!("{{\"x\":\"{}\",{rest}", "x".repeat(64 * 1024));
    let bodies = [
        String::new(),
        "not json".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "{}".to_owned(),
        good[..good.len() - 1].to_owned(),
        format!("{good}{good}"),
        long,
        r#"{"active":"true","sub":"a","client_id":"b"}"#.to_owned(),
        r#"{"active":1}"#.to_owned(),
        r#"{"active":null}"#.to_owned(),
        format!("{{\"active\":false,{rest}"),
        format!("{{\"sub\":\"bob\",{rest}"),
        format!("{{\"\\u0061ctive\":false,{rest}"),
        format!("{{\"x\":{{\"y\":1,\"y\":2}},{rest}"),
    ];
    for body in bodies {
        let (status, slug, _) = outcome(raw(&body)).await;
        assert_eq!(
            (status, slug.as_str()),
            (502, "identification-unavailable"),
            "{body:.80}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_answer_is_502() {
    let claims = json!({ "token_introspection": good("http://as") }).to_string();
    let header = json!({ "typ": "token-introspection+jwt", "alg": "ES256" }).to_string();
    let jwt = format!("{}.{}.AAAA", encode(header), encode(claims));
    let media_type = "application/token-introspection+jwt";
    let answer = ResponseTemplate::new(200).set_body_raw(jwt, media_type);
    let (status, slug, _) = outcome(answer).await;
    assert_eq!((status, slug.as_str()), (502, "identification-unavailable"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_a_wrong_type_is_502() {
    for (member, value) in [
        ("exp", json!("4000000000")),
        ("exp", json!(null)),
        ("exp", json!(true)),
        ("nbf", json!("1")),
        ("sub", json!(7)),
        ("sub", json!(["alice"])),
        ("client_id", json!({})),
        ("azp", json!(1)),
        ("scope", json!([SCOPE])),
        ("iss", json!(1)),
        ("aud", json!(1)),
        ("aud", json!(["a", 1])),
        ("token_type", json!(1)),
        ("typ", json!(["Bearer"])),
        ("token_use", json!(false)),
        ("cnf", json!("x")),
        ("cnf", json!(null)),
    ] {
        let shown = format!("{member}: {value}");
        let (status, slug) = outcome_with(|claims| claims[member] = value).await;
        assert_eq!(
            (status, slug.as_str()),
            (502, "identification-unavailable"),
            "{shown}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_status_but_200_is_502() {
    let body = good("http://as");
    for status in [201, 204, 301, 302, 307, 400, 401, 403, 404, 429, 500, 503] {
        let answer = ResponseTemplate::new(status)
            .insert_header("location", "http://127.0.0.1:1/elsewhere")
            .set_body_json(&body);
        let (seen, slug, _) = outcome(answer).await;
        assert_eq!(
            (seen, slug.as_str()),
            (502, "identification-unavailable"),
            "{status}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn token_claims_are_checked() {
    for (member, value, status, slug) in [
        ("active", json!(false), 401, "invalid-token"),
        ("exp", json!(1), 401, "invalid-token"),
        ("exp", json!(1.5), 401, "invalid-token"),
        ("nbf", json!(4_000_000_000_u64), 401, "invalid-token"),
        ("iss", json!("http://elsewhere"), 401, "invalid-token"),
        ("azp", json!("another"), 401, "invalid-token"),
        ("cnf", json!({"jkt": "x"}), 401, "invalid-token"),
        ("token_type", json!("N_A"), 401, "invalid-token"),
        ("typ", json!("ID"), 401, "invalid-token"),
        ("typ", json!("Refresh"), 401, "invalid-token"),
        ("token_use", json!("id"), 401, "invalid-token"),
        ("sub", json!(""), 400, "missing-claims"),
        ("client_id", json!("a\u{7}"), 400, "missing-claims"),
        ("scope", json!("other"), 403, "insufficient-scope"),
    ] {
        let shown = format!("{member}: {value}");
        let outcome = outcome_with(|claims| claims[member] = value).await;
        assert_eq!(outcome, (status, slug.to_owned()), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_authorization_server_is_502_within_the_deadline() {
    let answer = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    let (status, slug, took) = outcome(answer).await;
    assert_eq!((status, slug.as_str()), (502, "identification-unavailable"));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_authorization_server_is_502_and_recovery_needs_no_restart() {
    let reserved = Reserved::new();
    let address = reserved.address();
    let app = Setup::default()
        .key("oauth.issuer", &format!("http://{address}"))
        .spawn()
        .await;
    app.ask("token")
        .await
        .assert_problem(502, "identification-unavailable");
    let listener = std::net::TcpListener::bind(address).unwrap();
    let fake = MockServer::builder().listener(listener).start().await;
    let metadata = json!({"issuer": fake.uri(), "introspection_endpoint": format!("{}/introspect", fake.uri())});
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
        .mount(&fake)
        .await;
    introspection_says(
        &fake,
        ResponseTemplate::new(200).set_body_json(good(&fake.uri())),
    )
    .await;
    assert_eq!(app.ask("token").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn transient_failure_is_retried_once_and_a_refusal_is_not() {
    for (status, asked) in [(500, 2), (429, 2), (401, 1), (400, 1)] {
        let fake = fake_authorization_server().await;
        introspection_says(&fake, ResponseTemplate::new(status)).await;
        let app = gateway(&fake, "10s").await;
        app.ask("token")
            .await
            .assert_problem(502, "identification-unavailable");
        assert_eq!(times_asked(&fake).await, asked, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_cached_and_concurrent_questions_are_asked_once() {
    let fake = fake_authorization_server().await;
    let answer = ResponseTemplate::new(200).set_body_json(good(&fake.uri()));
    introspection_says(&fake, answer.set_delay(Duration::from_millis(100))).await;
    let app = gateway(&fake, "10s").await;
    let answers = futures_util::future::join_all((0..20).map(|_| app.ask("token"))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(app.ask("token").await.status, 200);
    assert_eq!(times_asked(&fake).await, 1);
    assert_eq!(app.ask("another").await.status, 200);
    assert_eq!(times_asked(&fake).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_of_another_issuer_are_refused() {
    let fake = MockServer::start().await;
    let metadata = json!({"issuer": "http://elsewhere", "introspection_endpoint": format!("{}/introspect", fake.uri())});
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
        .mount(&fake)
        .await;
    introspection_says(
        &fake,
        ResponseTemplate::new(200).set_body_json(good(&fake.uri())),
    )
    .await;
    let app = gateway(&fake, "0s").await;
    app.ask("token")
        .await
        .assert_problem(502, "identification-unavailable");
    assert_eq!(times_asked(&fake).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_found_where_rfc_8414_puts_it() {
    let fake = MockServer::start().await;
    let issuer = format!("{}/tenant", fake.uri());
    let metadata =
        json!({"issuer": issuer, "introspection_endpoint": format!("{}/introspect", fake.uri())});
    Mock::given(path("/.well-known/oauth-authorization-server/tenant"))
        .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
        .mount(&fake)
        .await;
    introspection_says(
        &fake,
        ResponseTemplate::new(200).set_body_json(good(&issuer)),
    )
    .await;
    let app = Setup::default().key("oauth.issuer", &issuer).spawn().await;
    assert_eq!(app.ask("token").await.status, 200);
}

async fn times_asked(fake: &MockServer) -> usize {
    let requests = fake.received_requests().await.unwrap();
    requests
        .iter()
        .filter(|request| request.url.path() == "/introspect")
        .count()
}
