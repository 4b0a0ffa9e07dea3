use serde_json::{Value, json};
use url::Url;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::adapters::fixed;
use crate::adapters::oauth::{DiscoverySettings, Endpoint};

fn jwks_at(server: &MockServer) -> Jwks {
    let keys = format!("{}/jwks", server.uri());
    jwks_of(server, Endpoint::Configured(Url::parse(&keys).unwrap()))
}

fn jwks_of(server: &MockServer, jwks: Endpoint) -> Jwks {
    let http = OauthHttp::new(fixed(None)).unwrap();
    let settings = DiscoverySettings {
        section: "oauth".to_owned(),
        issuer: server.uri(),
        url: Url::parse(&server.uri()).unwrap(),
        allow_http: false,
        introspection: Endpoint::Unused,
        jwks,
    };
    let discovery = Arc::new(Discovery::new(http.clone(), settings));
    Jwks::new(http, discovery, InFlightLimit::new(1), KeyUse::Signature)
}

async fn publish(server: &MockServer, status: u16, kids: &[&str]) {
    server.reset().await;
    // The base point of P-256: a public key like any other.
    let keys: Vec<Value> = kids
        .iter()
        .map(|kid| {
            json!({
                "kty": "EC", "crv": "P-256", "kid": kid,
                "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
                "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
            })
        })
        .collect();
    let answer = ResponseTemplate::new(status).set_body_json(json!({ "keys": keys }));
    Mock::given(path("/jwks"))
        .respond_with(answer)
        .mount(server)
        .await;
}

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

async fn found(jwks: &Jwks, kid: &str) -> Result<usize, UpstreamErrorKind> {
    let found = jwks.find(Some(kid), Algorithm::ES256).await;
    found.map(|keys| keys.len()).map_err(|failure| failure.kind)
}

#[tokio::test]
async fn unknown_keys_cause_one_request_in_ten_seconds() {
    let server = MockServer::start().await;
    publish(&server, 200, &["old"]).await;
    let jwks = jwks_at(&server);
    assert_eq!(found(&jwks, "old").await, Ok(1));
    publish(&server, 200, &["new"]).await;
    assert_eq!(found(&jwks, "new").await, Ok(0));
    assert!(server.received_requests().await.unwrap().is_empty());
    pass(MIN_INTERVAL).await;
    assert_eq!(found(&jwks, "new").await, Ok(1));
    assert_eq!(found(&jwks, "old").await, Ok(0), "withdrawn");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn old_keys_work_for_an_hour_while_the_server_is_down() {
    let server = MockServer::start().await;
    publish(&server, 200, &["one"]).await;
    let jwks = jwks_at(&server);
    assert_eq!(found(&jwks, "one").await, Ok(1));
    publish(&server, 404, &[]).await;
    pass(REFRESH_AFTER).await;
    assert_eq!(found(&jwks, "one").await, Ok(1));
    assert_eq!(
        found(&jwks, "two").await,
        Err(UpstreamErrorKind::Unreachable)
    );
    pass(MAX_AGE).await;
    assert_eq!(
        found(&jwks, "one").await,
        Err(UpstreamErrorKind::Unreachable)
    );
}

#[tokio::test]
async fn an_empty_key_set_does_not_replace_usable_keys() {
    let server = MockServer::start().await;
    publish(&server, 200, &["one"]).await;
    let jwks = jwks_at(&server);
    assert_eq!(found(&jwks, "one").await, Ok(1));
    publish(&server, 200, &[]).await;
    pass(MIN_INTERVAL).await;
    assert_eq!(found(&jwks, "two").await, Err(UpstreamErrorKind::Nonsense));
    assert_eq!(found(&jwks, "one").await, Ok(1));
}

#[tokio::test]
async fn a_client_that_disconnects_does_not_interrupt_the_refresh() {
    let server = MockServer::start().await;
    publish(&server, 200, &["one"]).await;
    let jwks = jwks_at(&server);
    // Polled once and dropped.
    assert!(found(&jwks, "one").now_or_never().is_none());
    assert_eq!(found(&jwks, "one").await, Ok(1));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn requests_for_a_hanging_key_set_are_limited() {
    let server = MockServer::start().await;
    publish(&server, 200, &["one"]).await;
    let jwks = jwks_at(&server);
    assert_eq!(found(&jwks, "one").await, Ok(1));
    server.reset().await;
    let hangs = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    Mock::given(path("/jwks"))
        .respond_with(hangs)
        .mount(&server)
        .await;
    pass(MIN_INTERVAL).await;
    let waiting = found(&jwks, "two");
    let meanwhile = async {
        assert_eq!(found(&jwks, "two").await, Err(UpstreamErrorKind::Busy));
        assert_eq!(found(&jwks, "one").await, Ok(1), "known");
    };
    tokio::select! {
        biased;
        ended = waiting => panic!("{ended:?}"),
        () = meanwhile => {}
    }
}

#[tokio::test]
async fn a_withdrawn_key_of_a_quiet_issuer_does_not_work_again() {
    let server = MockServer::start().await;
    publish(&server, 200, &["one"]).await;
    let jwks = jwks_at(&server);
    assert_eq!(found(&jwks, "one").await, Ok(1));
    publish(&server, 200, &["two"]).await;
    pass(WAIT_AFTER).await;
    assert_eq!(found(&jwks, "one").await, Ok(0));
}

/// No caller waits for a background refresh, which starts when the keys are five to ten minutes old.
#[tokio::test]
async fn a_refresh_that_nobody_waited_for_is_over_when_it_ends() {
    let server = MockServer::start().await;
    publish(&server, 200, &["one"]).await;
    let jwks = jwks_at(&server);
    assert_eq!(found(&jwks, "one").await, Ok(1));
    pass(REFRESH_AFTER).await;
    assert_eq!(found(&jwks, "one").await, Ok(1));
    until_asked(&server, 2).await;
    publish(&server, 200, &["two"]).await;
    pass(MAX_AGE).await;
    assert_eq!(found(&jwks, "one").await, Ok(0), "withdrawn");
    assert_eq!(found(&jwks, "two").await, Ok(1));
}

async fn until_asked(server: &MockServer, times: usize) {
    while server.received_requests().await.unwrap().len() < times {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The answer is read.
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[tokio::test]
async fn keys_are_found_where_the_metadata_name_them_now() {
    let server = MockServer::start().await;
    let metadata = |keys: String| {
        let body = json!({ "issuer": server.uri(), "jwks_uri": keys });
        let answer = ResponseTemplate::new(200).set_body_json(body);
        Mock::given(path("/.well-known/openid-configuration")).respond_with(answer)
    };
    publish(&server, 404, &[]).await;
    let former = format!("{}/former", server.uri());
    metadata(former).mount(&server).await;
    let jwks = jwks_of(&server, Endpoint::Discovered);
    assert_eq!(
        found(&jwks, "one").await,
        Err(UpstreamErrorKind::Unreachable)
    );
    publish(&server, 200, &["one"]).await;
    metadata(format!("{}/jwks", server.uri()))
        .mount(&server)
        .await;
    pass(MIN_INTERVAL_AT_START).await;
    assert_eq!(found(&jwks, "one").await, Ok(1));
}
