//! API keys and capability tokens of this gateway on routes that take access tokens.

use cloakroom::adapters::CapabilityKey;
use cloakroom::domain::{AccessKeyId, ApiKey, CapabilityId};
use secrecy::ExposeSecret as _;
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::{Answer, App, Setup, fake_authorization_server, introspection_says};

const KATAPULT: &str = "/core/v1/object_storage/access_keys/access_key/generate_credentials";

/// Every route that takes tokens, with each way to send one.
async fn ask_everywhere(app: &App, token: &str) -> Vec<Answer> {
    let container = app
        .http
        .get(format!("{}/v1/credentials/container", app.url));
    let bare = container.try_clone().unwrap();
    let form = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("WebIdentityToken", token),
    ];
    let mut answers = Vec::new();
    for request in [
        app.post("/v1/credentials").bearer_auth(token),
        container.bearer_auth(token),
        bare.header("authorization", token),
        app.post("/").form(&form),
        app.get_workspace("acme/research").bearer_auth(token),
    ] {
        answers.push(app.send(request).await);
    }
    answers
}

/// The answer without the request's id.
fn shape(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let id = answer.header("x-request-id").unwrap().to_owned();
    let headers = answer.headers.iter().map(|(name, value)| {
        let value = value.to_str().unwrap().replace(&id, "");
        (name.to_string(), value)
    });
    let mut headers: Vec<_> = headers.filter(|(name, _)| name != "date").collect();
    headers.sort();
    (answer.status, headers, answer.text.replace(&id, ""))
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_keys_are_refused_without_asking_the_authorization_server() {
    let fake = fake_authorization_server().await;
    let inactive = ResponseTemplate::new(200).set_body_json(json!({ "active": false }));
    introspection_says(&fake, inactive).await;
    let signing = CapabilityKey::generate().unwrap();
    let app = Setup::default()
        .key("oauth.issuer", &fake.uri())
        .key("oauth.introspection_cache", "0s")
        .key("access_keys.capability_key", signing.expose_secret())
        .spawn()
        .await;
    let asked = async || {
        let requests = fake.received_requests().await.unwrap();
        let about_tokens = requests.iter().filter(|r| r.url.path() == "/introspect");
        about_tokens.count()
    };
    let usual = ask_everywhere(&app, "nonsense").await;
    usual[0].assert_problem(401, "invalid-token");
    assert_eq!(asked().await, usual.len());
    let key = ApiKey::from_random([[7; 16]; 3]);
    let key = key.expose();
    let now = chrono::DateTime::from_timestamp(1_000_000_000, 0).unwrap();
    let id = AccessKeyId::from_random([1; 16]);
    let capability = app.config.access_keys.capability_key.clone().unwrap();
    let capability = capability
        .now()
        .sign(&CapabilityId::from_random([2; 16]), &id, now, now)
        .unwrap();
    for own in [key, &key[..40], &format!("{key}0"), capability.as_str()] {
        let refused = ask_everywhere(&app, own).await;
        for (refused, usual) in refused.iter().zip(&usual) {
            assert_eq!(shape(refused), shape(usual));
        }
    }
    assert_eq!(asked().await, usual.len(), "a secret was forwarded");
    // Their own route checks them; with a suffix they still count as ours.
    for own in [key, capability.as_str(), &format!("{capability}.AAAA")] {
        let body = json!({ "access_key": { "id": id.as_str() } });
        let request = app.post(KATAPULT).bearer_auth(own).json(&body);
        assert_eq!(app.send(request).await.status, 403);
    }
    assert_eq!(asked().await, usual.len(), "a secret was forwarded");
    // An opaque token may have the prefix of a key.
    app.ask("ck_opaque-tokens-may-begin-so").await;
    assert_eq!(asked().await, usual.len() + 1);
}
