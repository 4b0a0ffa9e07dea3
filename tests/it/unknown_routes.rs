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
async fn the_protected_resource_describes_itself() {
    let app = spawn_app().await;
    let url = format!("{}/.well-known/oauth-protected-resource", app.url);
    let metadata = app.send(app.http.get(url)).await.json();
    assert_eq!(metadata["resource"], app.url);
    assert_eq!(metadata["authorization_servers"][0], app.oauth.issuer());
    assert_eq!(metadata["scopes_supported"][0], "com.cleverbase.storage");
}
