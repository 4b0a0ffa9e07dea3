use crate::support::{Answer, App, spawn_app};

async fn ask_with(app: &App, headers: &[&str]) -> Answer {
    let mut request = app.post("/v1/credentials");
    for value in headers {
        request = request.header("authorization", *value);
    }
    app.send(request).await
}

fn challenge(answer: &Answer) -> String {
    answer.header("www-authenticate").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_401_without_an_error_code() {
    let app = spawn_app().await;
    for headers in [&[][..], &["Basic YTpi"], &["Token x"]] {
        let answer = ask_with(&app, headers).await;
        answer.assert_problem(401, "missing-token");
        let challenge = challenge(&answer);
        assert!(
            challenge.starts_with("Bearer ") && !challenge.contains("error"),
            "{challenge}"
        );
        assert!(challenge.contains("realm=\"cloakroom\""));
        let metadata = format!(
            "resource_metadata=\"{}/.well-known/oauth-protected-resource\"",
            app.url
        );
        assert!(challenge.contains(&metadata), "{challenge}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_or_repeated_token_is_400() {
    let app = spawn_app().await;
    let token = format!("Bearer {}", app.token("alice").await);
    let long = format!("Bearer {}", "a".repeat(8_193));
    for headers in [
        &["Bearer"][..],
        &["bearer "],
        &["Bearer a b"],
        &["Bearer a,b"],
        &[&long],
        &[&token, &token],
    ] {
        let answer = ask_with(&app, headers).await;
        answer.assert_problem(400, "invalid-request");
        assert!(challenge(&answer).starts_with("Bearer error=\"invalid_request\""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_query_or_body_is_400() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    let query = app
        .post(&format!("/v1/credentials?access_token={token}"))
        .bearer_auth(&token);
    app.send(query).await.assert_problem(400, "invalid-request");
    let alone = app.post(&format!("/v1/credentials?access_token={token}"));
    app.send(alone).await.assert_problem(400, "invalid-request");
    let alone = app
        .post("/v1/credentials")
        .header("content-type", "application/x-www-form-urlencoded");
    let alone = alone.body(format!("access_token={token}"));
    app.send(alone).await.assert_problem(400, "invalid-request");
    let form = app
        .post("/v1/credentials")
        .bearer_auth(&token)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("access_token={token}"));
    app.send(form).await.assert_problem(400, "invalid-request");
    let json = app
        .post("/v1/credentials")
        .bearer_auth(&token)
        .header("content-type", "application/json")
        .body(format!("{{\"access_token\":\"{token}\"}}"));
    app.send(json).await.assert_problem(400, "invalid-request");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_or_expired_token_is_401() {
    let app = spawn_app().await;
    let expired = app.token_with(&[("expires_in", "-1")]).await;
    let valid = app.token("alice").await;
    let tampered = format!("{}AAAA", &valid[..valid.len() - 4]);
    for token in ["nonsense", &expired, &tampered] {
        let answer = app.ask(token).await;
        answer.assert_problem(401, "invalid-token");
        assert!(challenge(&answer).starts_with("Bearer error=\"invalid_token\""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_sub_or_client_is_400() {
    let app = spawn_app().await;
    for claim in ["sub", "client_id", "sub,client_id"] {
        let token = app.token_with(&[("without_claim", claim)]).await;
        let answer = app.ask(&token).await;
        answer.assert_problem(400, "missing-claims");
        assert!(challenge(&answer).starts_with("Bearer error=\"invalid_request\""));
    }
    for subject in ["", "a\u{0}b", &"x".repeat(256)] {
        let token = app.token_with(&[("user", subject)]).await;
        app.ask(&token).await.assert_problem(400, "missing-claims");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_scope_is_403() {
    let app = spawn_app().await;
    for scope in [
        "",
        "openid",
        "com.cleverbase.storage2",
        "COM.CLEVERBASE.STORAGE",
    ] {
        let answer = app.ask(&app.token_with(&[("scope", scope)]).await).await;
        answer.assert_problem(403, "insufficient-scope");
        let challenge = challenge(&answer);
        assert!(
            challenge.starts_with(
                "Bearer error=\"insufficient_scope\", scope=\"com.cleverbase.storage\""
            ),
            "{challenge}"
        );
    }
    let among_others = app
        .token_with(&[("scope", "openid com.cleverbase.storage email")])
        .await;
    app.ask(&among_others).await.credentials();
}
