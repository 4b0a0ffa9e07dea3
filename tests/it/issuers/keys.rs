//! Where the keys of named issuers come from.

use std::fs;
use std::time::Duration;

use cloakroom::service::doctor::Outcome;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{App, Setup, SigningKey};

use super::world::{CLUSTER_ISSUER, cluster};

/// The API server of a cluster: its metadata and keys only for those with a token.
pub(super) async fn api_server(jwk: &Value) -> MockServer {
    let server = MockServer::start().await;
    let metadata = json!({
        "issuer": CLUSTER_ISSUER,
        "jwks_uri": format!("{}/openid/v1/jwks", server.uri()),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    for (at, body) in [
        ("/.well-known/openid-configuration", metadata),
        ("/openid/v1/jwks", json!({ "keys": [jwk] })),
    ] {
        Mock::given(method("GET"))
            .and(path(at))
            .and(header("authorization", "Bearer gateways-own-token"))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&server)
            .await;
    }
    server
}

/// The same issuer by another name.
fn renamed(setup: Setup, jwks: &str) -> Setup {
    setup
        .key("issuers.pods.issuer", CLUSTER_ISSUER)
        .key("issuers.pods.audience", "cloakroom-cluster")
        .key("issuers.pods.accept_typ", "none")
        .key("issuers.pods.client_id", "fixed:cluster")
        .key("issuers.pods.jwks_uri", jwks)
}

fn of_cluster(setup: Setup) -> Setup {
    setup
        .key("issuers.cluster.issuer", CLUSTER_ISSUER)
        .key("issuers.cluster.audience", "cloakroom-cluster")
        .key("issuers.cluster.accept_typ", "none")
        .key("issuers.cluster.client_id", "fixed:cluster")
}

async fn until(app: &App, token: &str, status: u16) {
    let waiting = async {
        while app.ask(token).await.status != status {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_and_keys_are_read_with_the_bearer_token_which_goes_nowhere_else() {
    let cluster = cluster().await;
    let server = api_server(&cluster.jwk()).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    fs::write(&file, "gateways-own-token\n").unwrap();
    let app = of_cluster(Setup::default())
        .key("issuers.cluster.discovery_url", &server.uri())
        .key("issuers.cluster.bearer_token_file", file.to_str().unwrap())
        .spawn()
        .await;
    assert_eq!(app.ask(&cluster.token()).await.status, 200);
    for request in server.received_requests().await.unwrap() {
        let paths = ["/.well-known/openid-configuration", "/openid/v1/jwks"];
        assert!(paths.contains(&request.url.path()), "{}", request.url);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_the_metadata_name_on_another_host_are_read_without_the_bearer_token() {
    let cluster = cluster().await;
    let keys = format!("{}/jwks", cluster.server.server.uri());
    let server = MockServer::start().await;
    let metadata = json!({ "issuer": CLUSTER_ISSUER, "jwks_uri": keys });
    Mock::given(path("/.well-known/openid-configuration"))
        .and(header("authorization", "Bearer gateways-own-token"))
        .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
        .mount(&server)
        .await;
    let app = of_cluster(Setup::default())
        .key("issuers.cluster.discovery_url", &server.uri())
        .key("issuers.cluster.bearer_token", "gateways-own-token")
        .spawn()
        .await;
    assert_eq!(app.ask(&cluster.token()).await.status, 200);
    let read = cluster.server.server.received_requests().await.unwrap();
    assert!(!read.is_empty());
    for request in read {
        assert!(!request.headers.contains_key("authorization"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let cluster = cluster().await;
    let elsewhere = api_server(&cluster.jwk()).await;
    let server = MockServer::start().await;
    let location = format!("{}/openid/v1/jwks", elsewhere.uri());
    let redirect = ResponseTemplate::new(307).insert_header("location", location.as_str());
    Mock::given(method("GET"))
        .respond_with(redirect)
        .mount(&server)
        .await;
    let app = of_cluster(Setup::default())
        .key(
            "issuers.cluster.jwks_uri",
            &format!("{}/jwks", server.uri()),
        )
        .key("issuers.cluster.bearer_token", "gateways-own-token")
        .spawn()
        .await;
    app.ask(&cluster.token())
        .await
        .assert_problem(502, "identification-unavailable");
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_a_file_follow_the_file() {
    let cluster = cluster().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys.json");
    let publish = |keys: Value| {
        let next = directory.path().join("next");
        fs::write(&next, json!({ "keys": keys }).to_string()).unwrap();
        fs::rename(next, &file).unwrap();
    };
    let write = |jwk: Value| publish(json!([jwk]));
    write(SigningKey::generate("one", Algorithm::ES256).jwk());
    let app = of_cluster(Setup::default())
        .key("issuers.cluster.jwks_file", file.to_str().unwrap())
        .spawn()
        .await;
    let token = cluster.token();
    app.ask(&token).await.assert_problem(401, "invalid-token");
    write(cluster.jwk());
    until(&app, &token, 200).await;
    write(SigningKey::generate("one", Algorithm::ES256).jwk());
    until(&app, &token, 401).await;
    write(cluster.jwk());
    until(&app, &token, 200).await;
    publish(json!([]));
    until(&app, &token, 401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_reads_the_keys_of_every_issuer() {
    let cluster = cluster().await;
    let jwks = format!("{}/jwks", cluster.server.server.uri());
    let app = of_cluster(Setup::default())
        .key("issuers.cluster.jwks_uri", &jwks)
        .key("issuers.gone.issuer", "https://gone.example")
        .key("issuers.gone.audience", "cloakroom")
        .key("issuers.gone.jwks_uri", "http://127.0.0.1:9/jwks")
        .spawn()
        .await;
    let doctor = cloakroom::server::doctor(&app.config).await.unwrap();
    let report = doctor.examine(std::future::pending()).await;
    let outcome = |name: &str| {
        let check = report.checks.iter().find(|check| check.name == name);
        check.unwrap().outcome.clone()
    };
    let read = outcome("the keys of issuers.cluster can be read");
    assert_eq!(read, Outcome::Passed);
    let gone = outcome("the keys of issuers.gone can be read");
    assert!(matches!(gone, Outcome::Failed(_)), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_issuer_under_the_same_name_is_refused_until_it_is_accepted() {
    let cluster = cluster().await;
    let jwks = format!("{}/jwks", cluster.server.server.uri());
    let setup = || of_cluster(Setup::default()).key("issuers.cluster.jwks_uri", &jwks);
    let app = setup().spawn().await;
    let before = app.ask(&cluster.token()).await.credentials().bucket;
    let beside = |setup: Setup| {
        let setup = setup.replica_of(&app);
        setup.key("naming.accept_change", "false")
    };
    let another = |key: &str, value: &str| beside(setup()).key(key, value);
    for (key, value) in [
        ("issuers.cluster.issuer", "https://other.example"),
        ("issuers.cluster.client_id", "fixed:other"),
        ("issuers.cluster.subject", "jti"),
    ] {
        let error = another(key, value).refused().await;
        assert!(
            error.starts_with("issuers.cluster: has the issuer"),
            "{error}"
        );
        assert!(error.contains("naming.accept_change"), "{error}");
    }
    // What lets tokens in may change, and issuers may come and go.
    let stricter = another("issuers.cluster.audience", "other").spawn().await;
    stricter
        .ask(&cluster.token())
        .await
        .assert_problem(401, "invalid-token");
    stricter.stop().await;
    let without = beside(Setup::default()).spawn().await;
    without.stop().await;
    let back = beside(setup()).spawn().await;
    let bucket = back.ask(&cluster.token()).await.credentials().bucket;
    assert_eq!(bucket, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_name_for_an_issuer_is_refused_until_it_is_accepted() {
    let cluster = cluster().await;
    let jwks = format!("{}/jwks", cluster.server.server.uri());
    let before = of_cluster(Setup::default()).key("issuers.cluster.jwks_uri", &jwks);
    let app = before.spawn().await;
    let beside = |accept: &str| {
        let setup = Setup::default().replica_of(&app);
        setup.key("naming.accept_change", accept)
    };
    for _ in 0..2 {
        let error = renamed(beside("false"), &jwks).refused().await;
        let expected = "issuers.pods: is the issuer that the registry knows as issuers.cluster";
        assert!(error.starts_with(expected), "{error}");
    }
    let accepted = renamed(beside("true"), &jwks).spawn().await;
    assert_eq!(accepted.ask(&cluster.token()).await.status, 200);
    accepted.stop().await;
    renamed(beside("false"), &jwks).spawn().await.stop().await;
    let back = of_cluster(beside("false")).key("issuers.cluster.jwks_uri", &jwks);
    let error = back.refused().await;
    assert!(error.contains("knows as issuers.pods"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_with_a_draft_of_an_issuer_does_not_fix_how_its_callers_are_named() {
    let cluster = cluster().await;
    let jwks = format!("{}/jwks", cluster.server.server.uri());
    let of_cluster = || of_cluster(Setup::default()).key("issuers.cluster.jwks_uri", &jwks);
    let (app, other) = (Setup::default().spawn().await, of_cluster().spawn().await);
    let mut draft = app.config.clone();
    draft.issuers.clone_from(&other.config.issuers);
    let operator = "tester".parse().unwrap();
    let administer = cloakroom::server::administer(&draft, operator).await;
    let administer = administer.unwrap();
    let new = cloakroom::service::NewArea::default();
    let made = administer.create_organisation("acme".parse().unwrap(), &new);
    made.await.unwrap();
    let setup = of_cluster().replica_of(&app);
    let setup = setup.key("naming.accept_change", "false");
    let changed = setup.key("issuers.cluster.subject", "jti").spawn().await;
    changed.stop().await;
}
