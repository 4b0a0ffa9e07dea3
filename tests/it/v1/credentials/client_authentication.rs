//! How the gateway authenticates when it introspects a token.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use serde_json::{Value, json};
use url::form_urlencoded;
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::support::{Setup, fake_authorization_server, introspection_says};

async fn fake() -> MockServer {
    let fake = fake_authorization_server().await;
    let inactive = ResponseTemplate::new(200).set_body_json(json!({ "active": false }));
    introspection_says(&fake, inactive).await;
    fake
}

fn setup(fake: &MockServer) -> Setup {
    Setup::default()
        .key("oauth.issuer", &fake.uri())
        .key("oauth.client_id", "gate way")
        .key("oauth.introspection_cache", "0s")
}

/// The last introspection request: its form, and its Authorization header.
async fn asked(fake: &MockServer) -> (HashMap<String, String>, Option<String>) {
    let requests = fake.received_requests().await.unwrap();
    let last = requests
        .iter()
        .rfind(|r| r.url.path() == "/introspect")
        .unwrap();
    let form = form_urlencoded::parse(&last.body).into_owned().collect();
    (form, authorization(last))
}

fn authorization(request: &Request) -> Option<String> {
    let value = request.headers.get("authorization")?;
    Some(value.to_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn client_secret_basic_uses_the_header() {
    let fake = fake().await;
    let app = setup(&fake)
        .key("oauth.client_secret", "s%3:cret")
        .spawn()
        .await;
    app.ask("token").await.assert_problem(401, "invalid-token");
    let (form, header) = asked(&fake).await;
    // RFC 6749 section 2.3.1: id and secret are form-encoded first.
    let expected = STANDARD.encode("gate+way:s%253%3Acret");
    assert_eq!(header, Some(format!("Basic {expected}")));
    assert_eq!(form["token"], "token");
    assert_eq!(form["token_type_hint"], "access_token");
    assert!(!form.contains_key("client_secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn client_secret_post_uses_the_body() {
    let fake = fake().await;
    let app = setup(&fake)
        .key("oauth.client_authentication", "client_secret_post")
        .key("oauth.client_secret", "s3cret-enough")
        .spawn()
        .await;
    app.ask("token").await.assert_problem(401, "invalid-token");
    let (form, header) = asked(&fake).await;
    assert_eq!(header, None);
    assert_eq!(form["client_id"], "gate way");
    assert_eq!(form["client_secret"], "s3cret-enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn private_key_jwt_sends_a_fresh_assertion_each_time() {
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_ref())
    );
    let fake = fake().await;
    let app = setup(&fake)
        .key("oauth.client_authentication", "private_key_jwt")
        .key("oauth.client_private_key", &pem)
        .key("oauth.client_key_id", "2026")
        .spawn()
        .await;
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let key =
        DecodingKey::from_jwk(&Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[fake.uri()]);
    let mut ids = Vec::new();
    for _ in 0..2 {
        app.ask("token").await.assert_problem(401, "invalid-token");
        let (form, header) = asked(&fake).await;
        assert_eq!(header, None);
        assert_eq!(
            form["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        let assertion = &form["client_assertion"];
        let read = jsonwebtoken::decode::<Value>(assertion, &key, &validation).unwrap();
        assert_eq!(read.header.kid.as_deref(), Some("2026"));
        assert_eq!(read.claims["iss"], "gate way");
        assert_eq!(read.claims["sub"], "gate way");
        ids.push(read.claims["jti"].as_str().unwrap().to_owned());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_secret_file_is_reread() {
    let fake = fake().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "the-first\n").unwrap();
    let path = file.path().to_str().unwrap();
    let app = setup(&fake)
        .without("oauth.client_secret")
        .key("oauth.client_authentication", "client_secret_post")
        .key("oauth.client_secret_file", path)
        .spawn()
        .await;
    app.ask("token").await;
    assert_eq!(asked(&fake).await.0["client_secret"], "the-first");
    std::fs::write(file.path(), "the-second\n").unwrap();
    let started = Instant::now();
    while asked(&fake).await.0["client_secret"] != "the-second" {
        assert!(started.elapsed() < Duration::from_secs(10));
        app.ask("token").await;
    }
}
