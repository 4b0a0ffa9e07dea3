//! An authorization server that says whatever a test wants.

use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Discovery works; introspection is still to be told what to say.
pub(crate) async fn fake_authorization_server() -> MockServer {
    let server = MockServer::start().await;
    let metadata = json!({
        "issuer": server.uri(),
        "introspection_endpoint": format!("{}/introspect", server.uri()),
    });
    Mock::given(method("GET"))
        .and(path("/.well-known/openid-configuration"))
        .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
        .mount(&server)
        .await;
    server
}

/// From now on introspection answers this.
pub(crate) async fn introspection_says(server: &MockServer, answer: ResponseTemplate) {
    Mock::given(method("POST"))
        .and(path("/introspect"))
        .respond_with(answer)
        .mount(server)
        .await;
}
