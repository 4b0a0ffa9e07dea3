//! `limits.per_caller`: calls of one caller, refused ones too, and API keys that nobody knows.

use cloakroom::domain::{Access, ApiKey};
use cloakroom::service::AreaWish;
use reqwest::RequestBuilder;
use serde_json::json;

use crate::support::{Answer, App, Setup};

const KATAPULT: &str = "/core/v1/object_storage/access_keys/access_key/generate_credentials";
const KATAPULT_SCOPE: &str = "com.cleverbase.storage api.katapult.io/core/v1/object_storage";

/// A gateway that lets every caller ask three times at once.
fn strict() -> Setup {
    Setup::default().key("limits.per_caller", "1/s burst 3")
}

/// Sends the request until its answer is another than this status; three times at least.
async fn until_limited(app: &App, request: impl Fn() -> RequestBuilder, status: u16) -> Answer {
    for at in 0..30 {
        let answer = app.send(request()).await;
        if answer.status != status {
            assert!(at >= 3, "{at}: {answer:?}");
            assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
            return answer;
        }
    }
    panic!("never limited");
}

/// Makes the registry's answers impossible.
async fn without_table(app: &App, table: &'static str) {
    let statement = match table {
        "workspaces" => "ALTER TABLE workspaces RENAME TO gone",
        "api_keys" => "ALTER TABLE api_keys RENAME TO gone",
        _ => panic!("{table}"),
    };
    sqlx::query(statement)
        .execute(&app.database().await)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_calls_count_before_the_registry_is_asked() {
    let app = strict().spawn().await;
    app.workspace("acme/research", &[("alice", Access::ReadWrite)])
        .await;
    let (bob, carol) = (app.token("bob").await, app.token("carol").await);
    let ask = || app.get_workspace("acme/research").bearer_auth(&bob);
    let limited = until_limited(&app, ask, 404).await;
    assert_eq!(limited.status, 429, "{limited:?}");
    assert_eq!(limited.json()["type"], "rate_limited");
    assert_eq!(app.ask_workspace("acme/research", &carol).await.status, 404);
    without_table(&app, "workspaces").await;
    until_limited_again(&app, ask).await;
    assert_eq!(app.ask_workspace("acme/research", &carol).await.status, 500);
}

/// A caller who has spent the allowance gets one call a second; those between are refused.
async fn until_limited_again(app: &App, request: impl Fn() -> RequestBuilder) {
    for _ in 0..30 {
        if app.send(request()).await.status == 429 {
            return;
        }
    }
    panic!("never limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_dialect_says_so_in_its_own_words() {
    let app = strict().spawn().await;
    let token = app.token_with(&[("scope", KATAPULT_SCOPE)]).await;
    let v1 = until_limited(
        &app,
        || app.post("/v1/credentials").bearer_auth(&token),
        200,
    )
    .await;
    v1.assert_problem(429, "rate-limited");
    // The same caller elsewhere: the allowance is one.
    let until = async |request: &dyn Fn() -> RequestBuilder| {
        for _ in 0..30 {
            let answer = app.send(request()).await;
            if answer.header("retry-after").is_some() {
                return answer;
            }
        }
        panic!("never limited");
    };
    let container = format!("{}/v1/credentials/container", app.url);
    let container = until(&|| app.http.get(&container).bearer_auth(&token)).await;
    assert_eq!(
        (container.status, &container.json()["code"]),
        (429, &json!("Throttling"))
    );
    let form = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("WebIdentityToken", &token),
    ];
    let sts = until(&|| app.post("/").form(&form)).await;
    assert!(sts.status == 400 && sts.text.contains("<Code>Throttling</Code>"));
    let body = json!({ "access_key": { "id": "ak_000000000000000000000000" } });
    let katapult = until(&|| app.post(KATAPULT).bearer_auth(&token).json(&body)).await;
    assert_eq!(
        (katapult.status, &katapult.json()["code"]),
        (429, &json!("rate_limit_reached"))
    );
    assert_eq!(katapult.json()["detail"], json!({ "total_permitted": 3 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_keys_refused_calls_count() {
    let app = strict().spawn().await;
    app.organisation("acme", &AreaWish::default()).await;
    let without = app.key(&"acme".parse().unwrap(), false).await;
    let other = app.key(&"acme".parse().unwrap(), true).await;
    let ask = || {
        app.post("/storage/boto")
            .header("x-api-key", without.expose())
    };
    let limited = until_limited(&app, ask, 403).await;
    limited.assert_problem(429, "rate-limited");
    assert_eq!(app.boto(&other).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_without_the_access_key_routes_scope_is_counted_there() {
    let app = strict().spawn().await;
    app.organisation("acme", &AreaWish::default()).await;
    let acme = "acme".parse().unwrap();
    let (without, other) = (app.key(&acme, true).await, app.key(&acme, true).await);
    let body = json!({ "access_key": { "id": "ak_000000000000000000000000" } });
    let ask = |key: &ApiKey| app.post(KATAPULT).bearer_auth(key.expose()).json(&body);
    let limited = until_limited(&app, || ask(&without), 403).await;
    assert_eq!(
        (limited.status, &limited.json()["code"]),
        (429, &json!("rate_limit_reached"))
    );
    assert_eq!(app.send(ask(&other)).await.status, 403, "its own allowance");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_api_keys_count_by_address_before_the_registry_is_asked() {
    let app = strict()
        .key("http.trusted_proxies", "127.0.0.1")
        .spawn()
        .await;
    let good = app.organisation("acme", &AreaWish::default()).await;
    let from = |address: &str, key: &ApiKey| {
        app.post("/storage/boto")
            .header("x-api-key", key.expose())
            .header("x-forwarded-for", address)
    };
    let (unknown, new) = (
        ApiKey::from_random([[7; 16]; 3]),
        app.key(&"acme".parse().unwrap(), true).await,
    );
    assert_eq!(app.send(from("2001:db8::1", &good)).await.status, 200);
    // Another of the client's own addresses each time.
    let addresses = std::cell::Cell::new(0);
    let ask = |key: &ApiKey| {
        addresses.set(addresses.get() + 1);
        from(
            &format!("198.51.100.9, 2001:db8::{:x}", addresses.get()),
            key,
        )
    };
    for at in 0..30 {
        let answer = app.send(ask(&unknown)).await;
        if answer.status == 429 {
            answer.assert_problem(429, "rate-limited");
            assert_eq!(answer.header("retry-after"), Some("1"));
            // The good one has spent one of the three.
            assert!(at >= 2, "{at}");
            break;
        }
        answer.assert_problem(401, "invalid-api-key");
    }
    // A key that has proven itself is not shut out; one that has not, is.
    assert_eq!(app.send(ask(&good)).await.status, 200);
    without_table(&app, "api_keys").await;
    until_limited_again(&app, || ask(&new)).await;
    let elsewhere = app.send(from("2001:db8:0:1::1", &unknown)).await;
    elsewhere.assert_problem(500, "internal-error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_does_not_choose_the_address_that_it_is_counted_by() {
    let app = strict().spawn().await;
    let addresses = std::cell::Cell::new(0);
    let unknown = ApiKey::from_random([[7; 16]; 3]);
    let ask = || {
        addresses.set(addresses.get() + 1);
        app.post("/storage/boto")
            .header("x-api-key", unknown.expose())
            .header("x-forwarded-for", format!("198.51.100.{}", addresses.get()))
    };
    let limited = until_limited(&app, ask, 401).await;
    limited.assert_problem(429, "rate-limited");
}
