//! Every 401 for a wrong token looks the same.

use jsonwebtoken::Algorithm;
use reqwest::Method;
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, method, path};
use wiremock::{Mock, ResponseTemplate};

use crate::support::{
    AUDIENCE, Answer, App, Issuer, SCOPE, Setup, SigningKey, fake_authorization_server, seconds,
};

use super::forgeries::{but, forgeries};

/// The audience of another gateway.
const ELSEWHERE: &str = "elsewhere";

const ROUTES: [(Method, &str); 3] = [
    (Method::POST, "/v1/credentials"),
    (Method::GET, "/v1/credentials/container"),
    (
        Method::GET,
        "/api/v1/org/acme/ws/research/storage/credentials",
    ),
];

/// All that a client sees of an answer but the request's id and the time.
fn shape(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let id = answer.header("x-request-id").unwrap();
    let headers = answer.headers.iter().map(|(name, value)| {
        let value = value.to_str().unwrap().replace(id, "ID");
        (name.to_string(), value)
    });
    let mut headers: Vec<_> = headers.filter(|(name, _)| name != "date").collect();
    headers.sort();
    (answer.status, headers, answer.text.replace(id, "ID"))
}

/// Asks every route with each token.
async fn assert_one_shape(app: &App, tokens: &[(&str, String)]) {
    for (method, path) in ROUTES {
        let mut seen = None;
        for (what, token) in tokens {
            let url = format!("{}{path}", app.url);
            let request = app.http.request(method.clone(), url).bearer_auth(token);
            let shape = shape(&app.send(request).await);
            assert_eq!(shape.0, 401, "{path}: {what}: {shape:?}");
            assert_eq!(
                *seen.get_or_insert_with(|| shape.clone()),
                shape,
                "{path}: {what}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tokens_cannot_be_told_apart_from_outside() {
    let issuer = Issuer::start().await;
    let key = SigningKey::generate("one", Algorithm::ES256);
    issuer.publish(&[key.jwk()]).await;
    let app = gateway(&issuer, AUDIENCE).await;
    app.ask(&key.sign(&issuer.claims())).await.credentials();
    let wrong = |change: &dyn Fn(&mut Value)| key.sign(&but(&issuer, |claims| change(claims)));
    let mut tokens = forgeries(&issuer, &key);
    tokens.extend([
        (
            "for another gateway",
            wrong(&|c| c["aud"] = json!(ELSEWHERE)),
        ),
        (
            "of another issuer",
            wrong(&|c| c["iss"] = json!("https://other.example")),
        ),
        ("expired", wrong(&|c| c["exp"] = json!(seconds() - 3600))),
        ("no JWT", "nonsense".to_owned()),
    ]);
    assert_one_shape(&app, &tokens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_another_gateway_is_refused_for_its_audience_alone() {
    let issuer = Issuer::start().await;
    let key = SigningKey::generate("one", Algorithm::ES256);
    issuer.publish(&[key.jwk()]).await;
    let (here, there) = (AUDIENCE, ELSEWHERE);
    let for_audience = |audience: Value| key.sign(&but(&issuer, |c| c["aud"] = audience));
    for (audience, another) in [(here, there), (there, here)] {
        let app = gateway(&issuer, audience).await;
        let theirs = app.ask(&for_audience(json!(another))).await;
        theirs.assert_problem(401, "invalid-token");
        app.ask(&for_audience(json!(audience))).await.credentials();
        let both = for_audience(json!([another, audience]));
        app.ask(&both).await.credentials();
    }
}

async fn gateway(issuer: &Issuer, audience: &str) -> App {
    let setup = Setup::default()
        .key("oauth.issuer", &issuer.server.uri())
        .key("oauth.validation", "jwt")
        .key("oauth.audience", audience);
    setup.spawn().await
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tokens_cannot_be_told_apart_by_introspection_either() {
    let server = fake_authorization_server().await;
    let good = json!({
        "active": true, "sub": "alice", "client_id": "demo", "scope": SCOPE, "iss": server.uri(),
        "token_type": "Bearer", "exp": seconds() + 300, "nbf": 1, "aud": [AUDIENCE],
    });
    let wrongs: [(&str, &str, Value); 11] = [
        ("unknown", "active", json!(false)),
        ("for another gateway", "aud", json!([ELSEWHERE])),
        ("for nobody", "aud", json!([])),
        ("of another issuer", "iss", json!("https://other.example")),
        ("expired", "exp", json!(seconds() - 3600)),
        ("not yet valid", "nbf", json!(seconds() + 3600)),
        ("bound to a key", "cnf", json!({ "jkt": "x" })),
        (
            "of a kind that does not matter here",
            "token_type",
            json!("N_A"),
        ),
        ("a refresh token", "typ", json!("Refresh")),
        ("an ID token", "token_use", json!("id")),
        ("of two clients", "azp", json!("other")),
    ];
    let mut tokens = Vec::new();
    for (number, (what, claim, value)) in wrongs.into_iter().enumerate() {
        let mut claims = good.clone();
        claims[claim] = value;
        let token = format!("token-{number}-");
        introspected(&server, &token, &claims).await;
        tokens.push((what, token));
    }
    introspected(&server, "good", &good).await;
    let app = Setup::default()
        .key("oauth.issuer", &server.uri())
        .key("oauth.audience", AUDIENCE)
        .spawn()
        .await;
    app.ask("good").await.credentials();
    assert_one_shape(&app, &tokens).await;
}

/// What the authorization server says of this token.
async fn introspected(server: &wiremock::MockServer, token: &str, claims: &Value) {
    Mock::given(method("POST"))
        .and(path("/introspect"))
        .and(body_string_contains(format!("token={token}")))
        .respond_with(ResponseTemplate::new(200).set_body_json(claims))
        .mount(server)
        .await;
}
