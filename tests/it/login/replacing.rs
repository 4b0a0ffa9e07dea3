//! Tokens that are not kept.

use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use super::killed::{back_from, granting};
use super::{Ran, User, browse, gateway, http};

#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_of_another_person_are_revoked_when_they_are_replaced() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    let alices = user.access_token();
    assert_eq!(app.ask(&alices).await.status, 200);
    let mut waiting = user.login(&["--browser"]);
    browse(&waiting.link().await, "bob").await;
    assert_eq!(waiting.end().await.code, Some(0));
    assert_eq!(app.ask(&alices).await.status, 401);
    assert_eq!(app.ask(&user.access_token()).await.status, 200);
}

async fn login(user: &User) -> Ran {
    let mut waiting = user.login(&["--browser"]);
    let back = back_from(&waiting.link().await);
    http().get(back).send().await.unwrap();
    waiting.end().await
}

async fn revocations(server: &MockServer) -> usize {
    let requests = server.received_requests().await.unwrap();
    requests
        .iter()
        .filter(|one| one.url.path() == "/revoke")
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_cannot_be_written_are_revoked() {
    let token = json!({"access_token": "t", "token_type": "bearer"});
    let server = granting(ResponseTemplate::new(200).set_body_json(token)).await;
    let user = User {
        home: tempfile::tempdir().unwrap(),
        url: server.uri(),
    };
    assert_eq!(login(&user).await.code, Some(0));
    assert_eq!(revocations(&server).await, 0);
    let file = user.file().unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(login(&user).await.code, Some(1));
    assert_eq!(revocations(&server).await, 1);
}
