//! How often a sign-in by device code asks for the tokens.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use super::fake::{answers, asked_at, serving};
use super::{Ran, User};

fn code(server: &MockServer, interval: u64, life: u64) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "device_code": "d", "user_code": "ABCD", "verification_uri": server.uri(),
        "interval": interval, "expires_in": life,
    }))
}

fn json_answer(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

fn tokens() -> ResponseTemplate {
    json_answer(200, json!({"access_token": "t", "token_type": "bearer"}))
}

async fn sign_in(server: &MockServer) -> Ran {
    User::of(server).login(&["--device"]).end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_names_no_interval_is_asked_once_a_second() {
    let server = serving(json!({})).await;
    answers(&server, "/device", [code(&server, 0, 600)]).await;
    let pending = || json_answer(400, json!({"error": "authorization_pending"}));
    answers(&server, "/token", [pending(), pending(), tokens()]).await;
    let start = Instant::now();
    let ran = sign_in(&server).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(start.elapsed() > Duration::from_secs(2));
    assert_eq!(asked_at(&server, "/token").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_the_server_and_pages_of_a_proxy_slow_the_sign_in_and_do_not_end_it() {
    let server = serving(json!({})).await;
    answers(&server, "/device", [code(&server, 0, 600)]).await;
    let page = ResponseTemplate::new(200).set_body_string("<html>");
    let failure = json_answer(503, json!({"error": "server_error"}));
    answers(&server, "/token", [page, failure, tokens()]).await;
    let start = Instant::now();
    let ran = sign_in(&server).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(start.elapsed() > Duration::from_secs(2 + 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_may_have_any_life() {
    let server = serving(json!({})).await;
    answers(&server, "/device", [code(&server, 5, u64::MAX)]).await;
    answers(&server, "/token", [tokens()]).await;
    assert_eq!(sign_in(&server).await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_in_ends_with_the_life_of_the_code() {
    let server = serving(json!({})).await;
    answers(&server, "/device", [code(&server, u64::MAX, 1)]).await;
    let pending = json_answer(400, json!({"error": "authorization_pending"}));
    answers(&server, "/token", [pending]).await;
    let ran = sign_in(&server).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("nobody has signed in"), "{ran:?}");
}
