//! `oauth.validation = jwt` and `jwt-then-introspection` (RFC 9068).

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{AUDIENCE, App, Issuer, Setup, SigningKey, encode, introspection_says};

use super::forgeries::{but, forgeries};

fn setup(issuer: &Issuer, mode: &str) -> Setup {
    Setup::default()
        .key("oauth.issuer", &issuer.server.uri())
        .key("oauth.validation", mode)
        .key("oauth.audience", AUDIENCE)
}

async fn app_with(mode: &str, algorithm: Algorithm) -> (App, Issuer, SigningKey) {
    let issuer = Issuer::start().await;
    let key = SigningKey::generate("one", algorithm);
    issuer.publish(&[key.jwk()]).await;
    let app = setup(&issuer, mode).spawn().await;
    (app, issuer, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_asymmetric_algorithm_is_supported() {
    let issuer = Issuer::start().await;
    let rsa = [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ];
    let others = [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];
    let keys: Vec<SigningKey> = rsa
        .iter()
        .chain(&others)
        .map(|algorithm| SigningKey::generate(&format!("{algorithm:?}"), *algorithm))
        .collect();
    let jwks: Vec<Value> = keys.iter().map(SigningKey::jwk).collect();
    issuer.publish(&jwks).await;
    let app = setup(&issuer, "jwt").spawn().await;
    for key in &keys {
        let answer = app.ask(&key.sign(&issuer.claims())).await;
        assert_eq!(answer.status, 200, "{}: {}", key.kid, answer.text);
    }
    assert_eq!(issuer.reads().await, 1, "the keys are kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_and_introspection_lead_to_the_same_bucket() {
    let (app, issuer, key) = app_with("jwt", Algorithm::ES256).await;
    let bucket = app
        .ask(&key.sign(&issuer.claims()))
        .await
        .credentials()
        .bucket;
    assert_eq!(
        bucket,
        "5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_and_damaged_tokens_are_401_and_cannot_be_told_apart() {
    let (app, issuer, key) = app_with("jwt", Algorithm::ES256).await;
    assert_eq!(app.ask(&key.sign(&issuer.claims())).await.status, 200);
    let forgeries = forgeries(&issuer, &key);
    assert!(forgeries.len() >= 30);
    let mut bodies = Vec::new();
    for (what, token) in forgeries {
        let answer = app.ask(&token).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
        answer.assert_problem(401, "invalid-token");
        let mut body = answer.json();
        body["instance"] = Value::Null;
        bodies.push(body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_claims_are_reported_only_for_good_tokens() {
    let (app, issuer, key) = app_with("jwt", Algorithm::ES256).await;
    let ask =
        async |change: &dyn Fn(&mut Value)| app.ask(&key.sign(&but(&issuer, |c| change(c)))).await;
    ask(&|c| c["sub"] = json!(""))
        .await
        .assert_problem(400, "missing-claims");
    ask(&|c| c["scope"] = json!("other"))
        .await
        .assert_problem(403, "insufficient-scope");
    app.ask(&"a".repeat(8_193))
        .await
        .assert_problem(400, "invalid-request");
    app.ask("opaque").await.assert_problem(401, "invalid-token");
}

#[tokio::test(flavor = "multi_thread")]
async fn typ_jwt_passes_where_it_is_accepted() {
    let issuer = Issuer::start().await;
    let key = SigningKey::generate("one", Algorithm::RS256);
    issuer.publish(&[key.jwk()]).await;
    let app = setup(&issuer, "jwt")
        .key("oauth.accept_plain_jwt", "true")
        .spawn()
        .await;
    let mut header = key.header();
    header["typ"] = json!("JWT");
    let token = key.sign_raw(&header.to_string(), &issuer.claims().to_string());
    assert_eq!(app.ask(&token).await.status, 200);
    header["typ"] = json!("application/at+jwt");
    let token = key.sign_raw(&header.to_string(), &issuer.claims().to_string());
    assert_eq!(app.ask(&token).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_found_and_unknown_ones_do_not_hammer_the_server() {
    let (app, issuer, old) = app_with("jwt", Algorithm::ES256).await;
    assert_eq!(app.ask(&old.sign(&issuer.claims())).await.status, 200);
    assert_eq!(issuer.reads().await, 1);
    // The first read is less than 10 s ago, so the keys are not read again.
    for number in 0..20 {
        let stranger = SigningKey::generate(&format!("unknown {number}"), Algorithm::ES256);
        app.ask(&stranger.sign(&issuer.claims()))
            .await
            .assert_problem(401, "invalid-token");
    }
    assert_eq!(issuer.reads().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_read_are_502_until_they_can() {
    let issuer = Issuer::start().await;
    let key = SigningKey::generate("one", Algorithm::ES256);
    let app = setup(&issuer, "jwt").spawn().await;
    let token = key.sign(&issuer.claims());
    app.ask(&token)
        .await
        .assert_problem(502, "identification-unavailable");
    issuer.publish(&[key.jwk()]).await;
    let started = std::time::Instant::now();
    while app.ask(&token).await.status != 200 {
        assert!(started.elapsed().as_secs() < 5, "it recovers by itself");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_for_other_uses_and_symmetric_keys_are_skipped() {
    let issuer = Issuer::start().await;
    let key = SigningKey::generate("one", Algorithm::ES256);
    let mut for_encryption = key.jwk();
    for_encryption["use"] = json!("enc");
    let symmetric = json!({ "kty": "oct", "k": encode("secret"), "kid": "two", "alg": "HS256" });
    let good = SigningKey::generate("four", Algorithm::ES256);
    let unknown = json!({ "kty": "AKP", "kid": "three", "alg": "ML-DSA-44", "pub": "x" });
    issuer
        .publish(&[
            for_encryption,
            symmetric,
            unknown,
            json!("nonsense"),
            good.jwk(),
        ])
        .await;
    let app = setup(&issuer, "jwt").spawn().await;
    app.ask(&key.sign(&issuer.claims()))
        .await
        .assert_problem(401, "invalid-token");
}

#[tokio::test(flavor = "multi_thread")]
async fn jwt_then_introspection_asks_only_about_good_jwts_and_opaque_tokens() {
    let (app, issuer, key) = app_with("jwt-then-introspection", Algorithm::ES256).await;
    let asked = async || {
        let requests = issuer.server.received_requests().await.unwrap();
        requests
            .iter()
            .filter(|r| r.url.path() == "/introspect")
            .count()
    };
    let inactive = ResponseTemplate::new(200).set_body_json(json!({ "active": false }));
    introspection_says(&issuer.server, inactive).await;
    let stranger = SigningKey::generate("one", Algorithm::ES256);
    app.ask(&stranger.sign(&issuer.claims()))
        .await
        .assert_problem(401, "invalid-token");
    assert_eq!(asked().await, 0, "forged tokens are not introspected");
    app.ask(&key.sign(&issuer.claims()))
        .await
        .assert_problem(401, "invalid-token");
    assert_eq!(asked().await, 1, "revoked tokens are introspected");
    app.ask("opaque").await.assert_problem(401, "invalid-token");
    assert_eq!(asked().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn jwt_then_introspection_grants_when_both_agree() {
    for (says, status) in [
        (json!({ "active": true }), 200),
        (
            json!({ "active": true, "sub": "alice", "client_id": "demo", "aud": "cloakroom" }),
            200,
        ),
        (json!({ "active": true, "sub": "bob" }), 401),
        (json!({ "active": true, "aud": "other" }), 401),
        (json!({ "active": "true" }), 502),
    ] {
        let (app, issuer, key) = app_with("jwt-then-introspection", Algorithm::ES256).await;
        let answer = ResponseTemplate::new(200).set_body_json(&says);
        introspection_says(&issuer.server, answer).await;
        let answer = app.ask(&key.sign(&issuer.claims())).await;
        assert_eq!(answer.status, status, "{says}: {}", answer.text);
    }
}

/// Memberships from the token itself, and from the authorization server.
#[tokio::test(flavor = "multi_thread")]
async fn memberships_are_read_from_signed_tokens_and_must_be_confirmed() {
    for (mode, answers, expected) in [
        ("jwt", None, 200),
        ("jwt-then-introspection", Some(json!(["/acme/lab"])), 200),
        ("jwt-then-introspection", Some(json!([])), 404),
        // An empty list is left out; a user who has left every group is not a member.
        ("jwt-then-introspection", None, 404),
    ] {
        let issuer = Issuer::start().await;
        let key = SigningKey::generate("one", Algorithm::ES256);
        issuer.publish(&[key.jwk()]).await;
        let app = setup(&issuer, mode)
            .key("workspaces.membership_claim", "groups")
            .spawn()
            .await;
        app.workspace("acme/lab", &[]).await;
        let mut claims = issuer.claims();
        let mut answer = claims.clone();
        answer["active"] = json!(true);
        if let Some(groups) = &answers {
            answer["groups"] = groups.clone();
        }
        let says = ResponseTemplate::new(200).set_body_json(answer);
        introspection_says(&issuer.server, says).await;
        claims["groups"] = json!(["/acme/lab"]);
        let got = app.ask_workspace("acme/lab", &key.sign(&claims)).await;
        assert_eq!(got.status, expected, "{mode} {answers:?}: {got:?}");
    }
}
