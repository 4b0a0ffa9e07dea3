use std::time::Duration;

use wiremock::ResponseTemplate;

use crate::support::{Answer, Setup, fake_authorization_server, introspection_says, spawn_app};

async fn status(app: &crate::support::App, path: &str) -> (u16, String) {
    let answer = app.send(app.http.get(format!("{}{path}", app.url))).await;
    answer.assert_common_headers();
    (answer.status, answer.text)
}

#[tokio::test(flavor = "multi_thread")]
async fn complete_gateway_is_alive_and_ready() {
    let app = spawn_app().await;
    // The first call makes sure that discovery has happened.
    app.credentials_of("alice").await;
    assert_eq!(status(&app, "/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(status(&app, "/readyz").await, (200, "ready\n".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_without_discovery_is_alive_but_not_ready() {
    let unreachable = "http://127.0.0.1:1";
    let app = Setup::default()
        .key("oauth.issuer", unreachable)
        .spawn()
        .await;
    assert_eq!(status(&app, "/livez").await.0, 200);
    assert_eq!(
        status(&app, "/readyz").await,
        (503, "not ready: discovery\n".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unwritable_registry_is_not_ready_and_gets_no_credentials() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    app.ask(&token).await.credentials();
    let database = app.database().await;
    sqlx::query("DROP TABLE audit_trail")
        .execute(&database)
        .await
        .unwrap();
    sqlx::query("DROP TABLE probe")
        .execute(&database)
        .await
        .unwrap();
    assert_eq!(
        status(&app, "/readyz").await,
        (503, "not ready: registry\n".to_owned())
    );
    app.ask(&token).await.assert_problem(500, "internal-error");
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_lets_requests_finish() {
    let fake = fake_authorization_server().await;
    let slow = ResponseTemplate::new(200).set_body_json(serde_json::json!({"active": false}));
    introspection_says(&fake, slow.set_delay(Duration::from_secs(1))).await;
    let app = Setup::default()
        .key("oauth.issuer", &fake.uri())
        .spawn()
        .await;
    let url = app.url.clone();
    let asked = tokio::spawn(app.post("/v1/credentials").bearer_auth("token").send());
    let reached = |r: &wiremock::Request| r.url.path() == "/introspect";
    while !fake.received_requests().await.unwrap().iter().any(reached) {
        tokio::task::yield_now().await;
    }
    app.stop().await;
    let answer = Answer::read(asked.await.unwrap().unwrap()).await;
    assert_eq!(
        (answer.status, answer.json()["title"].as_str()),
        (401, Some("Invalid token"))
    );
    assert!(reqwest::get(format!("{url}/livez")).await.is_err());
}
