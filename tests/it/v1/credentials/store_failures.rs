use std::time::{Duration, Instant};

use wiremock::matchers::{any, method};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::{
    ALICES_BUCKET, Reserved, SESSION, Setup, fake_store, furnish_store, session_of, spawn_app,
    time_in,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down_is_502_and_recovery_needs_no_restart() {
    let reserved = Reserved::new();
    let address = reserved.address();
    let app = Setup::default()
        .key("storage.endpoint", &format!("http://{address}"))
        .spawn()
        .await;
    let token = app.token("alice").await;
    app.ask(&token)
        .await
        .assert_problem(502, "storage-unavailable");
    let listener = std::net::TcpListener::bind(address).unwrap();
    let store = MockServer::builder().listener(listener).start().await;
    furnish_store(&store, session_of(3600)).await;
    assert_eq!(app.ask(&token).await.credentials().bucket, ALICES_BUCKET);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_is_502_within_the_deadline() {
    let store = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    Mock::given(any()).respond_with(slow).mount(&store).await;
    let app = Setup::default()
        .key("storage.endpoint", &store.uri())
        .spawn()
        .await;
    let token = app.token("alice").await;
    let started = Instant::now();
    app.ask(&token)
        .await
        .assert_problem(502, "storage-unavailable");
    assert!(
        started.elapsed() < Duration::from_millis(5_200),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn creations_that_hang_are_bounded_and_further_new_owners_get_503() {
    const NEW_OWNERS: usize = 70;
    const CREATIONS_AT_ONCE: usize = 64;
    let store = fake_store(session_of(3600)).await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    Mock::given(method("PUT"))
        .respond_with(slow)
        .with_priority(1)
        .mount(&store)
        .await;
    let app = Setup::default()
        .key("storage.endpoint", &store.uri())
        .spawn()
        .await;
    let mut tokens = Vec::new();
    for n in 0..NEW_OWNERS {
        tokens.push(app.token(&format!("newcomer-{n}")).await);
    }
    let answers = futures_util::future::join_all(tokens.iter().map(|token| app.ask(token))).await;
    let (shed, hung): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 503);
    assert_eq!(hung.len(), CREATIONS_AT_ONCE);
    for answer in shed {
        answer.assert_problem(503, "overloaded");
        assert!(answer.header("retry-after").is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_the_gateways_identity_is_502() {
    let app = Setup::default()
        .key("storage.access_key_id", "AKIAUNKNOWN")
        .key("storage.secret_access_key", "0123456789abcdef")
        .spawn()
        .await;
    let token = app.token("alice").await;
    app.ask(&token)
        .await
        .assert_problem(502, "storage-unavailable");
    let app = Setup::default()
        .key("storage.secret_access_key", "not-the-secret")
        .spawn()
        .await;
    let token = app.token("alice").await;
    app.ask(&token)
        .await
        .assert_problem(502, "storage-unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_from_sts_is_502_and_gets_no_credentials() {
    let said = |text: String| ResponseTemplate::new(200).set_body_string(text);
    let good = SESSION.replace("TIME", &time_in(3600));
    for answer in [
        ResponseTemplate::new(200),
        ResponseTemplate::new(200).set_body_string("<html/>"),
        ResponseTemplate::new(200).set_body_string("{}"),
        ResponseTemplate::new(204),
        ResponseTemplate::new(403),
        ResponseTemplate::new(500),
        session_of(-3600),
        said(SESSION.replace("TIME", "soon")),
        said(good.replace("TOKEN", "")),
        said(good.replace("KEY", "")),
    ] {
        let store = fake_store(answer).await;
        let app = Setup::default()
            .key("storage.endpoint", &store.uri())
            .spawn()
            .await;
        app.ask(&app.token("alice").await)
            .await
            .assert_problem(502, "storage-unavailable");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_bucket_is_409_and_gets_no_credentials() {
    let store = MockServer::start().await;
    Mock::given(method("HEAD"))
        .respond_with(ResponseTemplate::new(404))
        .mount(&store)
        .await;
    let foreign = "<Error><Code>BucketAlreadyExists</Code><Message>x</Message></Error>";
    let foreign = ResponseTemplate::new(409).set_body_string(foreign);
    Mock::given(method("PUT"))
        .respond_with(foreign)
        .mount(&store)
        .await;
    Mock::given(method("POST"))
        .respond_with(session_of(3600))
        .mount(&store)
        .await;
    let app = Setup::default()
        .key("storage.endpoint", &store.uri())
        .spawn()
        .await;
    app.ask(&app.token("alice").await)
        .await
        .assert_problem(409, "bucket-conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn unproven_bucket_is_502_and_not_a_conflict() {
    let html = ResponseTemplate::new(200).set_body_string("<html>It works!</html>");
    for (head, rest) in [
        (ResponseTemplate::new(301), ResponseTemplate::new(301)),
        (html.clone(), html),
        (ResponseTemplate::new(200), ResponseTemplate::new(404)),
    ] {
        let store = MockServer::start().await;
        Mock::given(method("HEAD"))
            .respond_with(head)
            .mount(&store)
            .await;
        Mock::given(any()).respond_with(rest).mount(&store).await;
        let app = Setup::default()
            .key("storage.endpoint", &store.uri())
            .spawn()
            .await;
        app.ask(&app.token("alice").await)
            .await
            .assert_problem(502, "storage-unavailable");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn error_texts_of_the_store_are_not_shown() {
    let store = MockServer::start().await;
    let talkative = "<Error><Code>Weird</Code><Message>canary-message</Message></Error>";
    let talkative = ResponseTemplate::new(400).set_body_string(talkative);
    Mock::given(any())
        .respond_with(talkative)
        .mount(&store)
        .await;
    let app = Setup::default()
        .key("storage.endpoint", &store.uri())
        .spawn()
        .await;
    let answer = app.ask(&app.token("alice").await).await;
    answer.assert_problem(502, "storage-unavailable");
    assert!(!answer.text.contains("canary") && !answer.text.contains("Weird"));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_not_remembered() {
    let app = spawn_app().await;
    app.root()
        .create_bucket()
        .bucket(ALICES_BUCKET)
        .send()
        .await
        .unwrap();
    let token = app.token("alice").await;
    app.ask(&token).await.assert_problem(409, "bucket-conflict");
    app.root()
        .delete_bucket()
        .bucket(ALICES_BUCKET)
        .send()
        .await
        .unwrap();
    assert_eq!(app.ask(&token).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn transient_failure_of_the_store_is_retried_once_and_a_refusal_is_not() {
    const HTML: &str = "<html><body>a proxy says so</body></html>";
    for (status, asked) in [(429, 2), (500, 2), (501, 2), (503, 2), (520, 2), (403, 1)] {
        let store = fake_store(ResponseTemplate::new(status).set_body_string(HTML)).await;
        let setup = Setup::default().key("storage.endpoint", &store.uri());
        let app = setup.spawn().await;
        app.ask(&app.token("alice").await)
            .await
            .assert_problem(502, "storage-unavailable");
        assert_eq!(sessions_asked(&store).await, asked, "{status}");
    }
}

/// The SDK has a quota of retries, which failures use up.
#[tokio::test(flavor = "multi_thread")]
async fn failures_before_do_not_keep_a_call_from_its_retry() {
    const CALLS: usize = 120;
    let store = fake_store(ResponseTemplate::new(503)).await;
    let setup = Setup::default().key("storage.endpoint", &store.uri());
    let app = setup
        .key("limits.per_owner", "1000/s burst 1000")
        .spawn()
        .await;
    let token = app.token("alice").await;
    for _ in 0..CALLS {
        app.ask(&token)
            .await
            .assert_problem(502, "storage-unavailable");
    }
    assert_eq!(sessions_asked(&store).await, 2 * CALLS);
}

async fn sessions_asked(store: &MockServer) -> usize {
    let requests = store.received_requests().await.unwrap();
    let asks = |request: &&Request| request.method.as_str() == "POST";
    requests.iter().filter(asks).count()
}
