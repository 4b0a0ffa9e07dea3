//! The list of `whoami`.

use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::fake::{answers, asked_at, back_from, granting};
use super::{User, http};

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_an_end_is_cut_and_whoami_says_so() {
    let token = json!({"access_token": "t", "token_type": "bearer"});
    let server = granting(ResponseTemplate::new(200).set_body_json(token)).await;
    let page = |next: String| {
        let page = json!({"items": [], "next": next});
        ResponseTemplate::new(200).set_body_json(page)
    };
    let user = User::of(&server);
    let mut waiting = user.login(&["--browser"]);
    http()
        .get(back_from(&waiting.link().await))
        .send()
        .await
        .unwrap();
    assert_eq!(waiting.end().await.code, Some(0));
    answers(&server, "/v1/storage", (0..60).map(|n| page(n.to_string()))).await;
    let ran = user.run(&["whoami", "--json"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.stderr.contains("GET /v1/storage has the rest"),
        "{ran:?}"
    );
    let shown: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(shown["more"], true);
    assert_eq!(asked_at(&server, "/v1/storage").await.len(), 50);
    // The rest of the pages, whose last repeats.
    let ran = user.run(&["whoami"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(asked_at(&server, "/v1/storage").await.len(), 50 + 11);
}
