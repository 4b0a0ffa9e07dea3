use reqwest::Method;

use crate::support::spawn_app;

#[tokio::test(flavor = "multi_thread")]
async fn only_post_gets_credentials() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::OPTIONS,
    ] {
        let request = app
            .http
            .request(method.clone(), format!("{}/v1/credentials", app.url));
        let answer = app.send(request.bearer_auth(&token)).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("POST"));
        if method != Method::HEAD {
            answer.assert_problem(405, "method-not-allowed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_parameters_are_400() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    for query in ["?acess=read", "?x", "?a=1&a=1"] {
        let request = app
            .post(&format!("/v1/credentials{query}"))
            .bearer_auth(&token);
        app.send(request)
            .await
            .assert_problem(400, "invalid-request");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonempty_body_is_refused() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    for (media_type, body, status, slug) in [
        ("application/json", "{", 400, "invalid-request"),
        ("application/json", "[]", 400, "invalid-request"),
        ("application/json", "null", 400, "invalid-request"),
        (
            "application/json",
            "{\"duration\":1}",
            400,
            "invalid-request",
        ),
        ("text/plain", "{}", 415, "unsupported-media-type"),
        (
            "application/x-www-form-urlencoded",
            "a=b",
            415,
            "unsupported-media-type",
        ),
        ("application/jsonx", "{}", 415, "unsupported-media-type"),
    ] {
        let request = app.post("/v1/credentials").bearer_auth(&token);
        let request = request.header("content-type", media_type).body(body);
        app.send(request).await.assert_problem(status, slug);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_64_kib_is_413() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    let with = |length: usize| {
        let body = format!("{{{}}}", " ".repeat(length - 2));
        let request = app.post("/v1/credentials").bearer_auth(&token);
        request
            .header("content-type", "application/json")
            .body(body)
    };
    assert_eq!(app.send(with(64 * 1024)).await.status, 200);
    app.send(with(64 * 1024 + 1))
        .await
        .assert_problem(413, "payload-too-large");
}
