//! `POST /storage/boto`, see docs/api/storage-boto.md.

use std::time::Duration;

use cloakroom::domain::ApiKey;
use cloakroom::service::{NewApiKey, NewArea};
use serde_json::Value;

use crate::support::{Answer, App, Setup, s3, spawn_app, until_limited};

fn assert_refused(answer: &Answer, status: u16, slug: &str) {
    answer.assert_problem(status, slug);
    let challenge = (status == 401).then_some("ApiKey realm=\"cloakroom\"");
    assert_eq!(answer.header("www-authenticate"), challenge);
    assert!(!answer.text.contains("aws_key_id"));
}

/// The answer without the values that differ between calls.
fn blanked(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let credentials = body["credentials"].as_object().unwrap();
    let mut text = answer.text.clone();
    for name in ["aws_key_id", "aws_secret_access_key", "aws_session_token"] {
        let value = credentials[name].as_str().unwrap();
        assert!(value.len() > 15);
        text = text.replace(value, "");
    }
    let expiration = credentials["aws_session_expiration"].as_str().unwrap();
    assert!(
        expiration.ends_with("+00:00") && expiration.len() == 25,
        "{expiration}"
    );
    text.replace(expiration, "")
}

fn named(bucket: &str) -> NewArea {
    NewArea {
        bucket: Some(bucket.parse().unwrap()),
        prefix: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_matches_seed_000() {
    let app = spawn_app().await;
    let new = named("prod-minerva-client-acme");
    let key = app.organisation("acme", &new).await;
    let answer = app.boto(&key).await;
    answer.assert_common_headers();
    insta::assert_snapshot!(
        blanked(&answer),
        @r#"{"credentials":{"aws_region":"us-east-1","aws_key_id":"","aws_secret_access_key":"","aws_session_token":"","aws_session_expiration":""},"bucket_info":{"name":"prod-minerva-client-acme","prefix":"acme/","uri":"s3://prod-minerva-client-acme/acme/"}}"#
    );
    for body in ["", "{}"] {
        let request = app.post("/storage/boto").header("x-api-key", key.expose());
        let request = request
            .header("content-type", "application/json")
            .body(body);
        assert_eq!(app.send(request).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_has_a_bucket_of_its_own_by_default() {
    let app = spawn_app().await;
    let key = app.organisation("acme", &NewArea::default()).await;
    let body = app.boto(&key).await.json();
    // printf '%s\0org\0%s\0' "" acme | sha256sum | cut -c1-63
    let bucket = "6862f51151aa047480136116ad5c1686d7df9ad98a83586787acfbb2b22500a";
    assert_eq!(body["bucket_info"]["name"], bucket);
    assert_eq!(body["bucket_info"]["prefix"], "acme/");
    assert_eq!(body["bucket_info"]["uri"], format!("s3://{bucket}/acme/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_visible_from_the_start() {
    let app = spawn_app().await;
    let key = app.organisation("acme", &named("shared")).await;
    let body = app.boto(&key).await.json();
    let listed = client(&app, &body)
        .list_objects_v2()
        .bucket("shared")
        .prefix("acme/")
        .send()
        .await
        .unwrap();
    let keys: Vec<&str> = listed.contents().iter().filter_map(|o| o.key()).collect();
    assert_eq!(keys, ["acme/Incoming/", "acme/Outgoing/"]);
}

fn client(app: &App, body: &Value) -> aws_sdk_s3::Client {
    let text = |name: &str| body["credentials"][name].as_str().unwrap();
    s3(
        &app.storage.url(),
        text("aws_key_id"),
        text("aws_secret_access_key"),
        Some(text("aws_session_token")),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn access_and_duration_can_be_narrowed() {
    let app = spawn_app().await;
    let key = app.organisation("acme", &named("shared")).await;
    let request = app.post("/storage/boto?access=read&duration=900");
    let body = app
        .send(request.header("x-api-key", key.expose()))
        .await
        .json();
    let reader = client(&app, &body);
    let put = reader.put_object().bucket("shared").key("acme/x");
    let refused = put.send().await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 403);
    let got = reader.get_object().bucket("shared").key("acme/Incoming/");
    got.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_keys_are_401_and_cannot_be_told_apart() {
    let app = spawn_app().await;
    let key = app.organisation("acme", &NewArea::default()).await;
    let slug = "acme".parse().unwrap();
    let administer = app.administer().await;
    let revoked = app.key(&slug, true).await;
    assert!(administer.revoke_key(revoked.id()).await.unwrap());
    assert!(!administer.revoke_key(revoked.id()).await.unwrap());
    let expired = NewApiKey {
        organisation: slug,
        label: "expired".to_owned(),
        expires_in: Some(Duration::ZERO),
        storage: true,
        scopes: Vec::new(),
    };
    let (expired, _) = administer.create_api_key(expired).await.unwrap();
    let unknown = ApiKey::from_random([[7; 16]; 3]);
    let mut typo = key.expose().to_owned();
    typo.truncate(typo.len() - 1);
    let mut forged = key.expose()[..19].to_owned();
    forged.push_str(&unknown.expose()[19..]);
    let mut answers = vec![app.send(app.post("/storage/boto")).await];
    for bad in [
        "",
        "<api-key>",
        revoked.expose(),
        expired.expose(),
        unknown.expose(),
        &typo,
        &forged,
        &key.expose().to_uppercase(),
        &format!("{} ", "x".repeat(9_000)),
    ] {
        answers.push(
            app.send(app.post("/storage/boto").header("x-api-key", bad))
                .await,
        );
    }
    let token = app.token("alice").await;
    answers.push(app.send(app.post("/storage/boto").bearer_auth(token)).await);
    for answer in answers {
        assert_refused(&answer, 401, "invalid-api-key");
        let body = answer.json();
        assert_eq!(
            body["detail"],
            "Send a valid API key in the header x-api-key."
        );
    }
    assert_eq!(app.boto(&key).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_storage_and_a_disabled_organisation_are_403() {
    let app = spawn_app().await;
    let key = app.organisation("acme", &NewArea::default()).await;
    let slug = "acme".parse().unwrap();
    let without = app.key(&slug, false).await;
    let refused = (403, "storage-not-entitled");
    assert_refused(&app.boto(&without).await, refused.0, refused.1);
    assert_eq!(app.boto(&key).await.status, 200);
    let administer = app.administer().await;
    administer.set_enabled(&slug, false).await.unwrap();
    assert_refused(&app.boto(&key).await, refused.0, refused.1);
    administer.set_enabled(&slug, true).await.unwrap();
    assert_eq!(app.boto(&key).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests() {
    let app = spawn_app().await;
    let key = app.organisation("acme", &NewArea::default()).await;
    let key = key.expose();
    let path = |query: &str| {
        app.post(&format!("/storage/boto{query}"))
            .header("x-api-key", key)
    };
    for request in [
        path("?acess=read"),
        path("?access=all"),
        path("?duration=1"),
        path("?access=read&access=read"),
        path("").header("x-api-key", key),
        path("")
            .header("content-type", "application/json")
            .body("{"),
        path("")
            .header("content-type", "application/json")
            .body("{\"a\":1}"),
    ] {
        assert_refused(&app.send(request).await, 400, "invalid-request");
    }
    let large = path("").body("x".repeat(70_000));
    assert_refused(&app.send(large).await, 413, "payload-too-large");
    let text = path("").body("x");
    assert_refused(&app.send(text).await, 415, "unsupported-media-type");
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let url = format!("{}/storage/boto", app.url);
        let request = app.http.request(method.parse().unwrap(), url);
        let answer = app.send(request.header("x-api-key", key)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_not_known_to_be_ours_is_409() {
    let app = spawn_app().await;
    let key = app.organisation("acme", &NewArea::default()).await;
    let database = app.database().await;
    sqlx::query("DELETE FROM owned_buckets")
        .execute(&database)
        .await
        .unwrap();
    assert_refused(&app.boto(&key).await, 409, "bucket-conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_expires_before_the_shortest_session_is_401() {
    let setup = Setup::default().key("storage.cap_to_token_expiry", "true");
    let app = setup.spawn().await;
    app.organisation("acme", &NewArea::default()).await;
    let new = NewApiKey {
        organisation: "acme".parse().unwrap(),
        label: "ends soon".to_owned(),
        expires_in: Some(Duration::from_mins(10)),
        storage: true,
        scopes: Vec::new(),
    };
    let (key, _) = app.administer().await.create_api_key(new).await.unwrap();
    assert_refused(&app.boto(&key).await, 401, "invalid-api-key");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_often() {
    let app = Setup::default()
        .key("limits.per_owner", "1/s burst 1")
        .spawn()
        .await;
    let key = app.organisation("acme", &NewArea::default()).await;
    let again = until_limited(1, 200, async || app.boto(&key).await).await;
    assert_refused(&again, 429, "rate-limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn upstream_failures_are_500_and_overload_is_503() {
    let app = spawn_app().await;
    let key = app.organisation("acme", &NewArea::default()).await;
    let without_store = Setup::default()
        .beside(&app)
        .key("storage.endpoint", "http://127.0.0.1:1")
        .spawn()
        .await;
    assert_refused(&without_store.boto(&key).await, 500, "provisioning-failed");
    let busy = Setup::default()
        .replica_of(&app)
        .change(|config| config.http.max_in_flight = 0)
        .spawn()
        .await;
    let answer = busy.boto(&key).await;
    assert_refused(&answer, 503, "overloaded");
    assert_eq!(answer.header("retry-after"), Some("1"));
    let database = app.database().await;
    sqlx::query("ALTER TABLE audit_trail RENAME TO gone")
        .execute(&database)
        .await
        .unwrap();
    assert_refused(&app.boto(&key).await, 500, "internal-error");
}
