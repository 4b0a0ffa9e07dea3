//! The device authorization grant of the embedded authorization server (RFC 8628).

use serde_json::Value;

use crate::support::{App, SCOPE, spawn_app};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn post(app: &App, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}{path}", app.oauth.issuer());
    let answer = app.send(app.http.post(url).form(form)).await;
    let json = serde_json::from_str(&answer.text).unwrap_or_default();
    (answer.status, json)
}

async fn device(app: &App) -> (String, String) {
    let form = [("client_id", "demo"), ("scope", SCOPE)];
    let (status, answer) = post(app, "/device_authorization", &form).await;
    assert_eq!(status, 200, "{answer}");
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    (text("device_code"), text("user_code"))
}

async fn poll(app: &App, client_id: &str, device_code: &str) -> (u16, Value) {
    let form = [
        ("grant_type", GRANT),
        ("client_id", client_id),
        ("device_code", device_code),
    ];
    post(app, "/token", &form).await
}

#[tokio::test(flavor = "multi_thread")]
async fn device_gets_its_token_once_and_only_after_its_user_has_signed_in() {
    let app = spawn_app().await;
    let (device_code, user_code) = device(&app).await;
    let (status, answer) = poll(&app, "demo", &device_code).await;
    let waits = (status, answer["error"].as_str());
    assert_eq!(waits, (400, Some("authorization_pending")));
    // As people type it.
    let typed = user_code.to_lowercase().replace('-', "");
    let form = [("user_code", typed.as_str()), ("user", "alice")];
    assert_eq!(post(&app, "/device", &form).await.0, 200);
    assert_eq!(post(&app, "/device", &form).await.0, 400, "good once");
    assert_eq!(poll(&app, "other", &device_code).await.0, 400);
    let (status, answer) = poll(&app, "demo", &device_code).await;
    assert_eq!(status, 200, "{answer}");
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(app.ask(token).await.status, 200);
    assert_eq!(poll(&app, "demo", &device_code).await.0, 400, "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_user_code_opens_nothing() {
    let app = spawn_app().await;
    device(&app).await;
    for code in ["", "BBBB-BBBB"] {
        let form = [("user_code", code), ("user", "alice")];
        assert_eq!(post(&app, "/device", &form).await.0, 400, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn token_is_revoked_by_its_own_client_only() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    let introspected = async || {
        let client = app.oauth.resource_server();
        let url = format!("{}/introspect", app.oauth.issuer());
        let request = app.http.post(url).form(&[("token", &token)]);
        let request = request.basic_auth(&client.client_id, Some(&client.client_secret));
        app.send(request).await.json()["active"].as_bool().unwrap()
    };
    for (client_id, is_active) in [("other", true), ("demo", false)] {
        let form = [("token", token.as_str()), ("client_id", client_id)];
        assert_eq!(post(&app, "/revoke", &form).await.0, 200);
        assert_eq!(introspected().await, is_active, "{client_id}");
    }
}
