//! An authorization server and a store whose answers a test chooses.

use chrono::DateTime;
use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::seconds;

/// Serves discovery; `introspection_says` sets the answer of introspection.
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

/// Sets the answer of introspection.
pub(crate) async fn introspection_says(server: &MockServer, answer: ResponseTemplate) {
    Mock::given(method("POST"))
        .and(path("/introspect"))
        .respond_with(answer)
        .mount(server)
        .await;
}

/// A store without buckets that creates any, ignores tags, and answers `AssumeRole` like this.
pub(crate) async fn fake_store(assume_role: ResponseTemplate) -> MockServer {
    let store = MockServer::start().await;
    furnish_store(&store, assume_role).await;
    store
}

/// The same on a server that already listens.
pub(crate) async fn furnish_store(store: &MockServer, assume_role: ResponseTemplate) {
    let no_tags = "<Error><Code>NoSuchTagSet</Code></Error>";
    for (verb, answer) in [
        ("HEAD", ResponseTemplate::new(404)),
        ("PUT", ResponseTemplate::new(200)),
        ("GET", ResponseTemplate::new(404).set_body_string(no_tags)),
        ("POST", assume_role),
    ] {
        Mock::given(method(verb))
            .respond_with(answer)
            .mount(store)
            .await;
    }
}

/// The answer to `AssumeRole` with a session that ends this many seconds from now.
pub(crate) fn session_of(lasts: i64) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(SESSION.replace("TIME", &time_in(lasts)))
}

/// The time this many seconds from now, as STS writes it.
pub(crate) fn time_in(lasts: i64) -> String {
    let time = i64::try_from(seconds()).unwrap() + lasts;
    let time = DateTime::from_timestamp(time, 0).unwrap();
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `TIME` stands for the expiration.
pub(crate) const SESSION: &str = "<AssumeRoleResponse><AssumeRoleResult><Credentials>\
    <AccessKeyId>ASIAKEY</AccessKeyId><SecretAccessKey>KEY</SecretAccessKey>\
    <SessionToken>TOKEN</SessionToken><Expiration>TIME</Expiration>\
    </Credentials></AssumeRoleResult></AssumeRoleResponse>";
