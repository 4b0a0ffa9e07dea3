//! Commands that are killed at each step, and repeated.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use url::Url;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::SCOPE;

use super::{User, browse, gateway, http};

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_killed_while_the_person_signs_in_can_be_repeated() {
    let app = gateway().await;
    let user = User::at(&app);
    for device in [false, true] {
        let way = if device { "--device" } else { "--browser" };
        let mut waiting = user.login(&[way]);
        waiting.link().await;
        waiting.kill().await;
        assert_eq!(user.file(), None);
        let ran = user.run(&["credentials"]).await;
        assert_eq!(ran.code, Some(77), "{ran:?}");
    }
    let mut waiting = user.login(&["--browser"]);
    browse(&waiting.link().await, "alice").await;
    assert_eq!(waiting.end().await.code, Some(0));
    // A sign-in that is given up leaves the one before as it is.
    let mut again = user.login(&["--browser"]);
    again.link().await;
    again.kill().await;
    assert_eq!(user.run(&["credentials"]).await.code, Some(0));
}

/// A server that is a gateway and an authorization server, whose token endpoint answers so.
pub(super) async fn granting(token: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    let here = server.uri();
    let resource = json!({
        "resource": here, "authorization_servers": [here], "scopes_supported": [SCOPE],
        "login_client_id": "demo",
    });
    let metadata = json!({
        "issuer": here, "authorization_endpoint": format!("{here}/authorize"),
        "token_endpoint": format!("{here}/token"), "revocation_endpoint": format!("{here}/revoke"),
    });
    for (name, document) in [
        ("oauth-protected-resource", resource),
        ("openid-configuration", metadata),
    ] {
        Mock::given(path(format!("/.well-known/{name}")))
            .respond_with(ResponseTemplate::new(200).set_body_json(document))
            .mount(&server)
            .await;
    }
    Mock::given(path("/token"))
        .respond_with(token)
        .mount(&server)
        .await;
    server
}

/// Where the browser goes after the sign-in.
pub(super) fn back_from(link: &Url) -> Url {
    let asked: HashMap<_, _> = link.query_pairs().into_owned().collect();
    let mut back = Url::parse(&asked["redirect_uri"]).unwrap();
    back.query_pairs_mut()
        .append_pair("code", "c")
        .append_pair("state", &asked["state"]);
    back
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_killed_while_it_gets_the_tokens_leaves_nothing() {
    let late = ResponseTemplate::new(200).set_delay(Duration::from_mins(1));
    let server = granting(late).await;
    let user = User {
        home: tempfile::tempdir().unwrap(),
        url: server.uri(),
    };
    for round in 1..=2 {
        let mut waiting = user.login(&["--browser"]);
        let link = waiting.link().await;
        let back = back_from(&link);
        let is_asked = async || {
            let requests = server.received_requests().await.unwrap();
            let asked = requests.iter().filter(|one| one.url.path() == "/token");
            asked.count() == round
        };
        http().get(back).send().await.unwrap();
        while !is_asked().await {
            tokio::task::yield_now().await;
        }
        waiting.kill().await;
        assert_eq!(user.file(), None);
    }
}
