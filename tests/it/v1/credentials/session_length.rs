//! A session that outlasts what was asked for is not handed out.

use wiremock::MockServer;

use crate::support::{App, Setup, fake_store, session_of};

const TWELVE_HOURS: i64 = 12 * 3600;

/// A gateway on a store that answers every `AssumeRole` with a session of this many seconds, as
/// MinIO does under `MINIO_STS_DURATION`.
async fn gateway_on_store_that_gives(seconds: i64, setup: Setup) -> (App, MockServer) {
    let store = fake_store(session_of(seconds)).await;
    let setup = setup.key("storage.endpoint", &store.uri());
    (setup.key("storage.flavor", "minio").spawn().await, store)
}

async fn audit_rows(app: &App) -> i64 {
    let (rows,) = sqlx::query_as("SELECT count(*) FROM audit_trail")
        .fetch_one(&app.database().await)
        .await
        .unwrap();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_longer_than_configured_is_502_and_no_audit_event() {
    let (app, _store) = gateway_on_store_that_gives(TWELVE_HOURS, Setup::default()).await;
    app.ask(&app.token("alice").await)
        .await
        .assert_problem(502, "storage-unavailable");
    assert_eq!(audit_rows(&app).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_longer_than_the_duration_parameter_is_502() {
    let (app, _store) = gateway_on_store_that_gives(3600, Setup::default()).await;
    let token = app.token("alice").await;
    let whole = app.ask(&token).await;
    assert_eq!(whole.status, 200, "{}", whole.text);
    let asked = app.post("/v1/credentials?duration=900").bearer_auth(&token);
    app.send(asked)
        .await
        .assert_problem(502, "storage-unavailable");
    assert_eq!(audit_rows(&app).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_outlives_the_token_it_is_capped_to_is_502() {
    let setup = Setup::default().key("storage.cap_to_token_expiry", "true");
    let (app, _store) = gateway_on_store_that_gives(3600, setup).await;
    let token = app.token_with(&[("expires_in", "1200")]).await;
    app.ask(&token)
        .await
        .assert_problem(502, "storage-unavailable");
    let lasting = app.token_with(&[("expires_in", "7200")]).await;
    assert_eq!(app.ask(&lasting).await.status, 200);
    assert_eq!(audit_rows(&app).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_of_difference_between_clocks_is_tolerated() {
    let (app, _store) = gateway_on_store_that_gives(3600 + 55, Setup::default()).await;
    assert_eq!(app.ask(&app.token("alice").await).await.status, 200);
}
