//! The authorization code grant of the embedded authorization server.

use reqwest::redirect::Policy;
use serde_json::Value;
use url::Url;

use crate::support::{Answer, App, SCOPE, spawn_app};

/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "http://localhost:3000/callback";

fn request<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut request = vec![
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", REDIRECT),
        ("scope", SCOPE),
        ("state", "xyz"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    request.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    request.extend(changes);
    request
}

/// Submits the page. Returns the answer and where it redirects to.
async fn submit(app: &App, changes: &[(&str, &str)]) -> (Answer, Option<Url>) {
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .build()
        .unwrap();
    let url = format!("{}/authorize", app.oauth.issuer());
    let answer = Answer::read(http.post(url).form(&request(changes)).send().await.unwrap()).await;
    let location = answer.header("location");
    let location = location.map(|url| Url::parse(url).unwrap());
    (answer, location)
}

async fn code(app: &App, user: &str) -> String {
    let (answer, location) = submit(app, &[("user", user)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let location = location.unwrap();
    assert_eq!(parameter(&location, "state"), "xyz");
    assert_eq!(parameter(&location, "iss"), app.oauth.issuer());
    parameter(&location, "code")
}

fn parameter(url: &Url, name: &str) -> String {
    let found = url.query_pairs().find(|(key, _)| key == name);
    found.map_or_else(String::new, |(_, value)| value.into_owned())
}

async fn redeem(app: &App, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}/token", app.oauth.issuer());
    let answer = app.send(app.http.post(url).form(form)).await;
    (answer.status, answer.json())
}

fn grant<'a>(code: &'a str, verifier: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("redirect_uri", REDIRECT),
        ("code", code),
        ("code_verifier", verifier),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn code_and_refresh_token_lead_to_credentials_once_each() {
    let app = spawn_app().await;
    let code = code(&app, "zoë").await;
    let (status, answer) = redeem(&app, &grant(&code, VERIFIER)).await;
    assert_eq!(status, 200, "{answer}");
    let token = answer["access_token"].as_str().unwrap();
    let bucket = app.ask(token).await.credentials().bucket;
    let (status, again) = redeem(&app, &grant(&code, VERIFIER)).await;
    let error = again["error"].as_str();
    assert_eq!((status, error), (400, Some("invalid_grant")));

    let refresh_token = answer["refresh_token"].as_str().unwrap().to_owned();
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", &refresh_token),
    ];
    let (status, refreshed) = redeem(&app, &refresh).await;
    assert_eq!(status, 200);
    let token = refreshed["access_token"].as_str().unwrap();
    assert_eq!(app.ask(token).await.credentials().bucket, bucket);
    assert_eq!(redeem(&app, &refresh).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn code_is_bound_to_its_client_redirect_uri_and_verifier() {
    let app = spawn_app().await;
    for (name, value) in [
        (
            "code_verifier",
            "another-verifier-of-sufficient-length-0123456789",
        ),
        ("client_id", "other"),
        ("redirect_uri", "http://localhost:3000/other"),
    ] {
        let code = code(&app, "alice").await;
        let mut form = grant(&code, VERIFIER);
        form.retain(|(key, _)| *key != name);
        form.push((name, value));
        assert_eq!(redeem(&app, &form).await.0, 400, "{name}");
        let again = redeem(&app, &grant(&code, VERIFIER)).await.0;
        assert_eq!(again, 400, "the code is spent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_go_to_this_machine_only_and_need_pkce() {
    let app = spawn_app().await;
    for redirect in [
        "https://evil.example/callback",
        "http://127.0.0.1.evil.example/",
        "http://localhost@evil.example/",
        "javascript:alert(1)",
        "",
    ] {
        let (answer, location) =
            submit(&app, &[("user", "alice"), ("redirect_uri", redirect)]).await;
        assert_eq!((answer.status, location), (400, None), "{redirect}");
    }
    for (name, value) in [
        ("code_challenge", ""),
        ("code_challenge_method", "plain"),
        ("response_type", "token"),
    ] {
        let (_, location) = submit(&app, &[("user", "alice"), (name, value)]).await;
        let location = location.unwrap();
        assert!(
            !parameter(&location, "error").is_empty() && parameter(&location, "code").is_empty()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_escaped_on_the_page() {
    let app = spawn_app().await;
    let url = format!("{}/authorize", app.oauth.issuer());
    let request = request(&[
        ("client_id", "<script>alert(1)</script>"),
        ("state", "\"><b>"),
    ]);
    let page = app.send(app.http.get(url).query(&request)).await;
    assert_eq!(page.status, 200);
    assert!(
        !page.text.contains("<script") && !page.text.contains("\"><b>"),
        "{}",
        page.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_from_this_machine_may_ask_for_tokens() {
    let app = spawn_app().await;
    let url = format!("{}/token", app.oauth.issuer());
    for (origin, allowed) in [
        ("http://127.0.0.1:8080", true),
        ("http://localhost:3000", true),
        ("https://evil.example", false),
        ("http://127.0.0.1.evil.example", false),
        ("null", false),
    ] {
        let request = app.http.post(&url).header("origin", origin);
        let answer = app.send(request.form(&[("grant_type", "x")])).await;
        let header = answer.header("access-control-allow-origin");
        assert_eq!(header == Some(origin), allowed, "{origin}: {header:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn request_for_another_host_name_is_refused() {
    let app = spawn_app().await;
    let url = format!("{}/dev/token", app.oauth.issuer());
    let form = [
        ("user", "alice"),
        ("client_id", "demo"),
        ("scope", SCOPE),
        ("expires_in", "60"),
    ];
    for (host, forwarded, status) in [
        ("127.0.0.1:8081", None, 200),
        ("localhost", None, 200),
        ("evil.example:8081", None, 421),
        ("evil.example:8081", Some("localhost"), 421),
    ] {
        let mut request = app.http.post(&url).header("host", host).form(&form);
        if let Some(name) = forwarded {
            let by = format!("host={name}");
            request = request
                .header("x-forwarded-host", name)
                .header("forwarded", by);
        }
        let answer = app.send(request).await;
        assert_eq!(answer.status, status, "{host} {forwarded:?}");
    }
}
