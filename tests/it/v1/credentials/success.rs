use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use chrono::DateTime;

use crate::support::{ALICES_BUCKET, Setup, spawn_app};

#[tokio::test(flavor = "multi_thread")]
async fn token_gets_credentials_to_its_own_bucket() {
    let app = spawn_app().await;
    let answer = app.ask(&app.token("alice").await).await;
    answer.assert_common_headers();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let alice = answer.credentials();
    assert_eq!(alice.bucket, ALICES_BUCKET);
    assert_eq!(
        (alice.endpoint.as_str(), alice.region.as_str()),
        (app.storage.url().as_str(), "us-east-1")
    );
    let s3 = alice.s3();
    let put = s3
        .put_object()
        .bucket(&alice.bucket)
        .key("a/b")
        .body(ByteStream::from_static(b"hello"));
    put.send().await.unwrap();
    let got = s3
        .get_object()
        .bucket(&alice.bucket)
        .key("a/b")
        .send()
        .await
        .unwrap();
    assert_eq!(
        got.body.collect().await.unwrap().into_bytes().as_ref(),
        b"hello"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_gets_fresh_credentials_to_the_same_bucket() {
    let app = spawn_app().await;
    let (one, two) = (
        app.credentials_of("alice").await,
        app.credentials_of("alice").await,
    );
    assert_eq!(one.bucket, two.bucket);
    assert_ne!(one.keys.access_key_id, two.keys.access_key_id);
    assert_ne!(one.keys.session_token, two.keys.session_token);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_subject_or_client_is_another_bucket() {
    let app = spawn_app().await;
    let mut buckets = vec![
        app.credentials_of("alice").await.bucket,
        app.credentials_of("bob").await.bucket,
    ];
    let token = app.token_with(&[("client_id", "other")]).await;
    buckets.push(app.ask(&token).await.credentials().bucket);
    buckets.sort();
    buckets.dedup();
    assert_eq!(buckets.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn expiration_comes_from_the_store() {
    let app = Setup::default()
        .key("storage.session_duration", "20min")
        .spawn()
        .await;
    let answer = app.ask(&app.token("alice").await).await;
    let sent = DateTime::parse_from_rfc2822(answer.header("date").unwrap()).unwrap();
    let expiration = answer.credentials().keys.expiration;
    assert!(
        expiration.ends_with('Z') && expiration.len() == 20,
        "{expiration}"
    );
    let lifetime = DateTime::parse_from_rfc3339(&expiration).unwrap() - sent;
    assert!(
        (1_198..=1_202).contains(&lifetime.num_seconds()),
        "{lifetime}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_may_be_empty_or_an_empty_object() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    for (media_type, body) in [
        (None, ""),
        (Some("application/json"), ""),
        (Some("text/plain"), ""),
        (Some("application/json"), "{}"),
        (Some("application/json; charset=utf-8"), " {} "),
    ] {
        let mut request = app.post("/v1/credentials").bearer_auth(&token).body(body);
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        assert_eq!(
            app.send(request).await.status,
            200,
            "{media_type:?} {body:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbound_request_id_is_ignored() {
    let app = spawn_app().await;
    let request = app.post("/v1/credentials").header("x-request-id", "mine");
    assert_ne!(app.send(request).await.header("x-request-id"), Some("mine"));
}

#[tokio::test(flavor = "multi_thread")]
async fn session_ends_with_the_token_if_configured() {
    let app = Setup::default()
        .key("storage.cap_to_token_expiry", "true")
        .spawn()
        .await;
    let token = app.token_with(&[("expires_in", "1200")]).await;
    let answer = app.ask(&token).await;
    let sent = DateTime::parse_from_rfc2822(answer.header("date").unwrap()).unwrap();
    let expiration = answer.credentials().keys.expiration;
    let lifetime = DateTime::parse_from_rfc3339(&expiration).unwrap() - sent;
    assert!(
        (1_190..=1_201).contains(&lifetime.num_seconds()),
        "{lifetime}"
    );
    let token = app.token_with(&[("expires_in", "600")]).await;
    app.ask(&token).await.assert_problem(401, "invalid-token");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_after_the_first_are_quick() {
    const QUICK: Duration = Duration::from_millis(20);
    let app = spawn_app().await;
    let token = app.token("alice").await;
    app.ask(&token).await.credentials();
    let (began, mut fastest) = (Instant::now(), Duration::MAX);
    while fastest > QUICK && began.elapsed() < Duration::from_secs(10) {
        let started = Instant::now();
        app.ask(&token).await.credentials();
        fastest = fastest.min(started.elapsed());
    }
    assert!(fastest <= QUICK, "{fastest:?}");
}
