//! A server that is a gateway and an authorization server.

use std::collections::HashMap;

use serde_json::{Value, json};
use url::Url;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::SCOPE;

/// One whose token endpoint answers so.
pub(super) async fn granting(token: ResponseTemplate) -> MockServer {
    let server = serving(json!({})).await;
    answers(&server, "/token", [token]).await;
    server
}

/// One that has these metadata too.
pub(super) async fn serving(more: Value) -> MockServer {
    let server = MockServer::start().await;
    let here = server.uri();
    let resource = json!({
        "resource": here, "authorization_servers": [here], "scopes_supported": [SCOPE],
        "login_client_id": "demo",
    });
    let mut metadata = json!({
        "issuer": here, "authorization_endpoint": format!("{here}/authorize"),
        "device_authorization_endpoint": format!("{here}/device"),
        "token_endpoint": format!("{here}/token"), "revocation_endpoint": format!("{here}/revoke"),
    });
    let more = more.to_string().replace("HERE", &here);
    let more: Value = serde_json::from_str(&more).unwrap();
    metadata
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    for (name, document) in [
        ("oauth-protected-resource", resource),
        ("openid-configuration", metadata),
    ] {
        let answer = ResponseTemplate::new(200).set_body_json(document);
        answers(&server, &format!("/.well-known/{name}"), [answer]).await;
    }
    server
}

/// Answers so at this path, one after another; the last goes on.
pub(super) async fn answers(
    server: &MockServer,
    at: &str,
    answers: impl IntoIterator<Item = ResponseTemplate>,
) {
    let mut answers = answers.into_iter().peekable();
    while let Some(answer) = answers.next() {
        let mock = Mock::given(path(at)).respond_with(answer);
        if answers.peek().is_some() {
            mock.up_to_n_times(1).mount(server).await;
        } else {
            mock.mount(server).await;
        }
    }
}

/// The requests so far at this path.
pub(super) async fn asked_at(server: &MockServer, path: &str) -> Vec<Request> {
    let mut requests = server.received_requests().await.unwrap();
    requests.retain(|request| request.url.path() == path);
    requests
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
