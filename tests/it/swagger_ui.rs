//! `GET /swagger-ui/…`

use crate::support::{Answer, App, Setup, spawn_app};

async fn get(app: &App, path: &str) -> Answer {
    app.send(app.http.get(format!("{}{path}", app.url))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_comes_with_a_policy_and_no_secret() {
    let app = spawn_app().await;
    let page = get(&app, "/swagger-ui/index.html").await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert!(
        policy.contains(&format!("connect-src 'self' {};", app.oauth.issuer())),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'"));
    let settings = get(&app, "/swagger-ui/swagger-initializer.js").await.text;
    for setting in [
        "\"queryConfigEnabled\": false",
        "\"usePkceWithAuthorizationCodeGrant\": true",
        "\"clientId\": \"swagger-ui\"",
        "\"validatorUrl\": \"none\"",
        "\"persistAuthorization\": false",
    ] {
        assert!(settings.contains(setting), "{setting} in {settings}");
    }
    assert!(!settings.contains("clientSecret"));
    assert!(!settings.contains(&app.oauth.resource_server().client_secret));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_static_files_may_be_cached() {
    let app = spawn_app().await;
    let caching = async |file: &str| {
        let answer = get(&app, &format!("/swagger-ui/{file}")).await;
        answer.header("cache-control").unwrap().to_owned()
    };
    assert_eq!(
        caching("swagger-ui-bundle.js").await,
        "public, max-age=86400"
    );
    for file in ["index.html", "swagger-initializer.js", "nothing.js"] {
        assert_eq!(caching(file).await, "no-store", "{file}");
    }
    get(&app, "/swagger-ui/..%2fetc")
        .await
        .assert_problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_says_where_to_sign_in() {
    let app = spawn_app().await;
    let contract = get(&app, "/openapi.json").await.json();
    let flow = &contract["components"]["securitySchemes"]["authorization_code"]["flows"]["authorizationCode"];
    assert_eq!(
        flow["authorizationUrl"],
        format!("{}/authorize", app.oauth.issuer())
    );
    assert_eq!(flow["tokenUrl"], format!("{}/token", app.oauth.issuer()));
    assert_eq!(contract["servers"][0]["url"], app.url);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_switched_off() {
    let app = Setup::default()
        .key("http.swagger_ui", "false")
        .spawn()
        .await;
    for path in ["/swagger-ui", "/swagger-ui/", "/swagger-ui/index.html"] {
        get(&app, path).await.assert_problem(404, "not-found");
    }
    assert!(!get(&app, "/").await.text.contains("Swagger"));
}
