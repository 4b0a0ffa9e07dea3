use crate::support::spawn_app;

#[tokio::test(flavor = "multi_thread")]
async fn unknown_routes_are_404_problems() {
    let app = spawn_app().await;
    for path in [
        "/nothing",
        "/v1",
        "/v1/credentials/",
        "/V1/CREDENTIALS",
        "/v1/%63redentials/x",
        "//",
    ] {
        app.send(app.post(path))
            .await
            .assert_problem(404, "not-found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_address_is_a_page_in_a_browser() {
    let app = spawn_app().await;
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let request = app.http.get(format!("{}/consle", app.url));
    let answer = app.send(request.header("accept", browser)).await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(answer.text.contains("There is nothing at this address."));
    assert!(
        answer.text.contains(&format!("href=\"{}/\"", app.url)),
        "{}",
        answer.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_protected_resource_describes_itself() {
    let app = spawn_app().await;
    let url = format!("{}/.well-known/oauth-protected-resource", app.url);
    let metadata = app.send(app.http.get(url)).await.json();
    assert_eq!(metadata["resource"], app.url);
    assert_eq!(metadata["authorization_servers"][0], app.oauth.issuer());
    assert_eq!(metadata["scopes_supported"][0], "com.cleverbase.storage");
}
