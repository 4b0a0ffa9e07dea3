//! What tokens are for (RFC 8707), and where a gateway says what it is (RFC 9728).

use serde_json::json;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::fake::{answers, asked_at, back_from, serving};
use super::{User, http};

fn token() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "access_token": "t", "token_type": "bearer", "refresh_token": "r", "expires_in": 1,
    }))
}

fn resource_in(form: &[u8]) -> Option<String> {
    let mut form = url::form_urlencoded::parse(form);
    let found = form.find(|(name, _)| name == "resource");
    found.map(|(_, value)| value.into_owned())
}

/// Signs in and refreshes. Returns the resources that were named, by the browser first.
async fn named_resources(server: &MockServer) -> Vec<Option<String>> {
    answers(server, "/token", [token()]).await;
    let user = User::of(server);
    let mut waiting = user.login(&["--browser"]);
    let link = waiting.link().await;
    http().get(back_from(&link)).send().await.unwrap();
    assert_eq!(waiting.end().await.code, Some(0));
    user.run(&["credentials"]).await;
    let by_browser = resource_in(link.query().unwrap().as_bytes());
    let asked = asked_at(server, "/token").await;
    assert!(asked.len() >= 2);
    let named = asked
        .iter()
        .map(|request: &Request| resource_in(&request.body));
    [by_browser].into_iter().chain(named).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_is_named_to_an_authorization_server_that_lists_it() {
    let server = serving(json!({"protected_resources": ["HERE"]})).await;
    let expected = Some(server.uri());
    for named in named_resources(&server).await {
        assert_eq!(named, expected);
    }
}

/// Some refuse a resource that they do not know.
#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_is_not_named_to_other_authorization_servers() {
    let server = serving(json!({"protected_resources": ["https://other.example"]})).await;
    for named in named_resources(&server).await {
        assert_eq!(named, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_a_path_is_found_in_front_of_it_or_behind_it() {
    for place in [
        "/.well-known/oauth-protected-resource/storage",
        "/storage/.well-known/oauth-protected-resource",
    ] {
        let server = serving(json!({})).await;
        let here = server.uri();
        let document = json!({
            "resource": format!("{here}/storage"), "authorization_servers": [here],
            "login_client_id": "demo",
        });
        let answer = ResponseTemplate::new(200).set_body_json(document);
        Mock::given(path(place))
            .respond_with(answer)
            .mount(&server)
            .await;
        let user = User {
            url: format!("{here}/storage"),
            ..User::of(&server)
        };
        user.login(&["--browser"]).link().await;
    }
}
