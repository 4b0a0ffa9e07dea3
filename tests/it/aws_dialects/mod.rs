//! `GET /v1/credentials/container` and `POST /`: each cause in both dialects, provoked over HTTP.

mod caller_identity;
mod container;
mod container_deadline;
mod sts;

use reqwest::RequestBuilder;
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::{
    ALICES_BUCKET, Answer, App, SCOPE, Setup, fake_authorization_server, introspection_says,
    spawn_app, until_limited,
};

/// What a dialect answers to one cause: status and code.
type Expected = (u16, &'static str);

const CONTAINER: &str = "/v1/credentials/container";

async fn container(app: &App, token: Option<&str>) -> Answer {
    let request = app.http.get(format!("{}{CONTAINER}", app.url));
    app.send(match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    })
    .await
}

async fn sts(app: &App, token: Option<&str>) -> Answer {
    app.send(sts_request(app, token, &[])).await
}

fn sts_request(app: &App, token: Option<&str>, more: &[(&str, &str)]) -> RequestBuilder {
    let mut form = vec![
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", "arn:aws:iam::000000000000:role/any"),
        ("RoleSessionName", "test"),
    ];
    form.extend(token.map(|token| ("WebIdentityToken", token)));
    form.extend(more);
    app.post("/").form(&form)
}

fn assert_container(answer: &Answer, (status, code): Expected) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.assert_common_headers();
    let body = answer.json();
    assert_eq!(body["code"], code);
    assert_eq!(body["Code"], code);
    assert_eq!(body["message"], body["Message"]);
    assert!(body["message"].as_str().unwrap().ends_with('.'), "{body}");
    assert_eq!(body.as_object().unwrap().len(), 4);
    assert!(status != 401 || answer.header("www-authenticate").is_some());
}

fn assert_sts(answer: &Answer, (status, code): Expected) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    answer.assert_common_headers();
    let id = answer.header("x-request-id").unwrap();
    assert_eq!(answer.header("x-amzn-requestid"), Some(id));
    let kind = if status < 500 { "Sender" } else { "Receiver" };
    let start = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
         <Type>{kind}</Type><Code>{code}</Code><Message>"
    );
    let end = format!("</Message></Error><RequestId>{id}</RequestId></ErrorResponse>");
    assert!(
        answer.text.starts_with(&start) && answer.text.ends_with(&end),
        "{answer:?}"
    );
}

/// Both dialects on this token.
async fn assert_both(app: &App, token: Option<&str>, in_container: Expected, in_sts: Expected) {
    assert_container(&container(app, token).await, in_container);
    assert_sts(&sts(app, token).await, in_sts);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_credentials_are_refused() {
    let app = spawn_app().await;
    let (missing, bad) = ("MissingAuthenticationToken", "InvalidIdentityToken");
    assert_both(&app, None, (401, missing), (400, "MissingParameter")).await;
    assert_both(&app, Some("nonsense"), (401, bad), (400, bad)).await;
    let nobody = app.token_with(&[("without_claim", "sub")]).await;
    assert_both(&app, Some(&nobody), (400, bad), (400, bad)).await;
    let other = app.token_with(&[("scope", "other")]).await;
    let denied = (403, "AccessDenied");
    assert_both(&app, Some(&other), denied, denied).await;
    let malformed = ((400, "InvalidRequest"), (400, "ValidationError"));
    assert_both(&app, Some("a,b"), malformed.0, malformed.1).await;
    let challenge = container(&app, None).await;
    let challenge = challenge.header("www-authenticate").unwrap().to_owned();
    assert!(challenge.starts_with("Bearer realm="), "{challenge}");
}

#[tokio::test(flavor = "multi_thread")]
async fn expiry_is_reported_only_where_it_is_proven() {
    let fake = fake_authorization_server().await;
    let expired = json!({
        "active": true, "sub": "a", "client_id": "c", "scope": SCOPE, "exp": 1,
    });
    introspection_says(&fake, ResponseTemplate::new(200).set_body_json(expired)).await;
    let app = Setup::default()
        .key("oauth.issuer", &fake.uri())
        .spawn()
        .await;
    let bad = (401, "InvalidIdentityToken");
    assert_both(&app, Some("token"), bad, (400, "ExpiredTokenException")).await;
    // Inactive may mean anything.
    let app = spawn_app().await;
    assert_both(&app, Some("token"), bad, (400, "InvalidIdentityToken")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict() {
    let app = spawn_app().await;
    let made = app.root().create_bucket().bucket(ALICES_BUCKET).send();
    made.await.unwrap();
    let token = app.token("alice").await;
    assert_both(&app, Some(&token), (409, "Conflict"), (403, "AccessDenied")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_often() {
    let app = Setup::default()
        .key("limits.per_owner", "1/s burst 1")
        .spawn()
        .await;
    let token = app.token("alice").await;
    let again = until_limited(1, 200, async || container(&app, Some(&token)).await).await;
    assert_container(&again, (429, "Throttling"));
    let again = until_limited(0, 200, async || sts(&app, Some(&token)).await).await;
    assert_sts(&again, (400, "Throttling"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorization_server_fails() {
    let fake = fake_authorization_server().await;
    introspection_says(&fake, ResponseTemplate::new(500)).await;
    let app = Setup::default()
        .key("oauth.issuer", &fake.uri())
        .spawn()
        .await;
    let code = "IDPCommunicationError";
    assert_both(&app, Some("token"), (502, code), (400, code)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_fails() {
    let app = Setup::default()
        .key("storage.endpoint", "http://127.0.0.1:1")
        .spawn()
        .await;
    let token = app.token("alice").await;
    let code = "ServiceUnavailable";
    assert_both(&app, Some(&token), (502, code), (503, code)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_fails() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    let database = app.database().await;
    sqlx::query("DROP TABLE audit_trail")
        .execute(&database)
        .await
        .unwrap();
    let code = "InternalFailure";
    assert_both(&app, Some(&token), (500, code), (500, code)).await;
    app.ask(&token).await.assert_problem(500, "internal-error");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_at_once() {
    let app = Setup::default()
        .change(|config| config.http.max_in_flight = 0)
        .spawn()
        .await;
    let code = "ServiceUnavailable";
    assert_both(&app, Some("token"), (503, code), (503, code)).await;
    let again = sts(&app, Some("token")).await;
    assert_eq!(again.header("retry-after"), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_bodies_and_parameters() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    let url = format!("{}{CONTAINER}", app.url);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"] {
        let request = app.http.request(method.parse().unwrap(), &url);
        let answer = app.send(request.bearer_auth(&token)).await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some("GET")),
            "{method}"
        );
        if method != "HEAD" {
            assert_container(&answer, (405, "MethodNotAllowed"));
        }
    }
    let put = app.send(app.http.put(&app.url)).await;
    assert_sts(&put, (405, "MethodNotAllowed"));
    assert_eq!(put.header("allow"), Some("GET, HEAD, POST"));
    let invalid = (400, "InvalidRequest");
    for query in [
        "?acess=read",
        "?access=all",
        "?duration=1h",
        "?duration=900&duration=900",
        "?format=env",
        "?access_token=x",
    ] {
        let request = app.http.get(format!("{url}{query}")).bearer_auth(&token);
        assert_container(&app.send(request).await, invalid);
    }
    let large = app
        .http
        .get(&url)
        .bearer_auth(&token)
        .body("x".repeat(70_000));
    assert_container(&app.send(large).await, (413, "RequestEntityTooLarge"));
    let text = app.http.get(&url).bearer_auth(&token).body("x");
    assert_container(&app.send(text).await, (415, "UnsupportedMediaType"));
    let form = app
        .post("/")
        .form(&[("WebIdentityToken", "x".repeat(70_000))]);
    assert_sts(&app.send(form).await, (413, "RequestEntityTooLarge"));
}
