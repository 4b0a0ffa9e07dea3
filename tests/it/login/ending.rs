use std::time::Duration;

use serde_json::json;
use wiremock::matchers::{any, body_string_contains};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{User, gateway, http};

#[tokio::test(flavor = "multi_thread")]
async fn logout_revokes_the_tokens_and_removes_them() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    let kept = user.kept();
    let token = user.access_token();
    assert_eq!(app.ask(&token).await.status, 200);
    let ran = user.run(&["logout"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(user.file(), None);
    assert_eq!(app.ask(&token).await.status, 401);
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", "demo"),
        (
            "refresh_token",
            kept["granted"]["refresh_token"].as_str().unwrap(),
        ),
    ];
    let url = format!("{}/token", app.oauth.issuer());
    let answer = http().post(url).form(&refresh).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(user.run(&["credentials"]).await.code, Some(77));
    let mut again = user.command(&["logout"]);
    again.env_remove("CLOAKROOM_URL");
    assert!(again.status().await.unwrap().success(), "repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_keeps_tokens_that_cannot_be_revoked_now_unless_forced() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    user.change(|kept| kept["revocation_endpoint"] = json!("http://127.0.0.1:1/"));
    let ran = user.run(&["logout"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("still on this machine"), "{ran:?}");
    assert!(user.file().is_some());
    let ran = user.run(&["logout", "--force"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("were not revoked"), "{ran:?}");
    assert_eq!(user.file(), None);
}

/// An authorization server that answers so to a revocation of a token of this kind, and well to others.
async fn revoking(kind: &str, answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    let of_kind = body_string_contains(format!("token_type_hint={kind}"));
    Mock::given(of_kind)
        .respond_with(answer)
        .mount(&server)
        .await;
    let others = Mock::given(any()).respond_with(ResponseTemplate::new(200));
    others.mount(&server).await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_tries_the_access_token_after_the_refresh_token_is_refused() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    let server = revoking("refresh_token", ResponseTemplate::new(400)).await;
    user.change(|kept| kept["revocation_endpoint"] = json!(server.uri()));
    let ran = user.run(&["logout"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("were not revoked"), "{ran:?}");
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
    assert_eq!(user.file(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_is_content_with_a_server_that_revokes_no_access_tokens() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    let error = json!({"error": "unsupported_token_type"});
    let answer = ResponseTemplate::new(400).set_body_json(error);
    let server = revoking("access_token", answer).await;
    user.change(|kept| kept["revocation_endpoint"] = json!(server.uri()));
    let ran = user.run(&["logout"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(user.file(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_revokes_and_removes_what_a_killed_writer_left() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    let token = user.access_token();
    let unfinished = user.unfinished();
    std::fs::rename(user.file().unwrap(), &unfinished).unwrap();
    let ran = user.run(&["logout"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!unfinished.exists());
    assert_eq!(app.ask(&token).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_that_is_killed_while_it_revokes_can_be_repeated() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    let (token, endpoint) = (
        user.access_token(),
        user.kept()["revocation_endpoint"].clone(),
    );
    let hanging = MockServer::start().await;
    let late = ResponseTemplate::new(200).set_delay(Duration::from_mins(1));
    Mock::given(any()).respond_with(late).mount(&hanging).await;
    user.change(|kept| kept["revocation_endpoint"] = json!(hanging.uri()));
    let mut child = user.command(&["logout"]).spawn().unwrap();
    while hanging.received_requests().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    child.kill().await.unwrap();
    user.change(|kept| kept["revocation_endpoint"] = endpoint);
    assert_eq!(user.run(&["logout"]).await.code, Some(0));
    assert_eq!(user.file(), None);
    assert_eq!(app.ask(&token).await.status, 401);
}
