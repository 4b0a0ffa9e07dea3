//! Tokens that are not kept.

use serde_json::json;
use wiremock::ResponseTemplate;

use super::fake::{asked_at, back_from, granting};
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

/// Some authorization servers would end the new sign-in with the old one.
#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_of_the_same_person_are_revoked_only_if_they_came_through_another_client() {
    let token = json!({"access_token": "t", "token_type": "bearer"});
    let server = granting(ResponseTemplate::new(200).set_body_json(token)).await;
    let user = User::of(&server);
    for (client, revocations) in [("demo", 0), ("demo", 0), ("other", 1)] {
        assert_eq!(login(&user, &["--client-id", client]).await.code, Some(0));
        assert_eq!(asked_at(&server, "/revoke").await.len(), revocations);
    }
}

async fn login(user: &User, more: &[&str]) -> Ran {
    let mut waiting = user.login(&[&["--browser"], more].concat());
    let back = back_from(&waiting.link().await);
    http().get(back).send().await.unwrap();
    waiting.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_cannot_be_written_are_revoked() {
    let token = json!({"access_token": "t", "token_type": "bearer"});
    let server = granting(ResponseTemplate::new(200).set_body_json(token)).await;
    let user = User::of(&server);
    assert_eq!(login(&user, &[]).await.code, Some(0));
    assert_eq!(asked_at(&server, "/revoke").await.len(), 0);
    let file = user.file().unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(login(&user, &[]).await.code, Some(1));
    assert_eq!(asked_at(&server, "/revoke").await.len(), 1);
}
