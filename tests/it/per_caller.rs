//! `limits.per_caller`: the calls of one caller, including refused ones, and of unknown API keys.

use std::time::{Duration, Instant};

use cloakroom::domain::{Access, ApiKey};
use cloakroom::service::NewArea;
use reqwest::RequestBuilder;
use serde_json::json;

use crate::support::{self, Answer, App, Setup};

const KATAPULT: &str = "/core/v1/object_storage/access_keys/access_key/generate_credentials";
const KATAPULT_SCOPE: &str = "com.cleverbase.storage api.katapult.io/core/v1/object_storage";

/// A gateway that allows every caller a burst of three calls.
fn strict() -> Setup {
    Setup::default().key("limits.per_caller", "1/s burst 3")
}

/// Sends the request at least three times, until the status of the answer changes.
async fn until_limited(app: &App, request: impl Fn() -> RequestBuilder, status: u16) -> Answer {
    support::until_limited(3, status, async || app.send(request()).await).await
}

/// Keeps the registry from answering.
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

/// A caller at the limit gets one call a second; the calls in between are refused.
async fn until_limited_again(app: &App, request: impl Fn() -> RequestBuilder) {
    for _ in 0..30 {
        if app.send(request()).await.status == 429 {
            return;
        }
    }
    panic!("never limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_dialect_renders_the_rate_limit() {
    let app = strict().spawn().await;
    let token = app.token_with(&[("scope", KATAPULT_SCOPE)]).await;
    let v1 = until_limited(
        &app,
        || app.post("/v1/credentials").bearer_auth(&token),
        200,
    )
    .await;
    v1.assert_problem(429, "rate-limited");
    // The same caller on another route shares the limit.
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
    app.organisation("acme", &NewArea::default()).await;
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

/// A call with this key from a client behind a trusted proxy, from a different address of its network
/// each time.
fn from_one_network(app: &App, key: &ApiKey, at: u32) -> RequestBuilder {
    app.post("/storage/boto")
        .header("x-api-key", key.expose())
        .header("x-forwarded-for", format!("198.51.100.9, 2001:db8::{at:x}"))
}

/// A key with the same public id and another secret.
fn forged(key: &ApiKey) -> ApiKey {
    let mut id = [0; 16];
    hex::decode_to_slice(&key.id().as_str()[3..], &mut id[..8]).unwrap();
    let forged = ApiKey::from_random([id, [7; 16], [7; 16]]);
    assert_eq!(forged.id(), key.id());
    forged
}

async fn organisation_with_keys(app: &App) -> Vec<ApiKey> {
    let mut keys = vec![app.organisation("acme", &NewArea::default()).await];
    for _ in 0..7 {
        keys.push(app.key(&"acme".parse().unwrap(), true).await);
    }
    keys
}

/// Checks that unused keys are served during a flood, which the function sends before it uses each
/// one. The gateway reads its keys in the background after it starts, so the first three may come too
/// early; one of them may get the one call a second that the flood leaves, but not all of them.
async fn served_during(flood: impl AsyncFn(&ApiKey) -> u16, genuine: &[ApiKey]) {
    let started = Instant::now();
    let (early, rest) = genuine.split_at(3);
    for key in early {
        while flood(key).await == 429 {
            assert!(started.elapsed() < Duration::from_secs(20), "never read");
        }
    }
    for key in rest {
        assert_eq!(flood(key).await, 200, "{key:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_without_the_access_key_routes_scope_is_counted_there() {
    let app = strict().spawn().await;
    app.organisation("acme", &NewArea::default()).await;
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
    let first = strict().spawn().await;
    let genuine = organisation_with_keys(&first).await;
    let revoked = first.key(&"acme".parse().unwrap(), true).await;
    let administer = first.administer().await;
    administer.revoke_key(revoked.id()).await.unwrap();
    // No key has been used in this process yet.
    let proxied = strict().key("http.trusted_proxies", "127.0.0.1");
    let app = proxied.replica_of(&first).spawn().await;
    let unknown = ApiKey::from_random([[7; 16]; 3]);
    let at = std::cell::Cell::new(0);
    let ask = |key: &ApiKey| {
        at.set(at.get() + 1);
        from_one_network(&app, key, at.get())
    };
    let limited = until_limited(&app, || ask(&unknown), 401).await;
    limited.assert_problem(429, "rate-limited");

    let flood = async |key: &ApiKey| {
        for bad in [unknown.clone(), forged(key), revoked.clone()] {
            until_limited_again(&app, || ask(&bad)).await;
        }
        app.send(ask(key)).await.status
    };
    served_during(flood, &genuine).await;

    // Limited calls do not reach the registry.
    without_table(&first, "api_keys").await;
    for bad in [unknown.clone(), forged(&genuine[0]), revoked] {
        until_limited_again(&app, || ask(&bad)).await;
        let started = Instant::now();
        let mut asked = 0;
        for _ in 0..20 {
            asked += u64::from(app.send(ask(&bad)).await.status != 429);
        }
        let refilled = started.elapsed().as_secs() + 1;
        assert!(asked <= refilled, "{asked} in {refilled} s");
    }
    let elsewhere = app
        .post("/storage/boto")
        .header("x-api-key", unknown.expose())
        .header("x-forwarded-for", "2001:db8:0:1::1");
    let elsewhere = app.send(elsewhere).await;
    elsewhere.assert_problem(500, "internal-error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_starts_without_its_api_keys_and_reads_them_later() {
    let first = strict().spawn().await;
    let genuine = organisation_with_keys(&first).await;
    without_table(&first, "api_keys").await;
    let app = strict().replica_of(&first).spawn().await;
    let ask = |key: &ApiKey| app.post("/storage/boto").header("x-api-key", key.expose());
    assert_eq!(app.send(ask(&genuine[0])).await.status, 500);
    sqlx::query("ALTER TABLE gone RENAME TO api_keys")
        .execute(&first.database().await)
        .await
        .unwrap();
    let unknown = ApiKey::from_random([[7; 16]; 3]);
    let flood = async |key: &ApiKey| {
        until_limited_again(&app, || ask(&unknown)).await;
        app.send(ask(key)).await.status
    };
    served_during(flood, &genuine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_keys_that_have_ended_count_by_address_again() {
    let app = strict().spawn().await;
    let acme = "acme".parse().unwrap();
    let genuine = app.organisation("acme", &NewArea::default()).await;
    let (revoked, expired) = (app.key(&acme, true).await, app.key(&acme, true).await);
    let ask = |key: &ApiKey| app.post("/storage/boto").header("x-api-key", key.expose());
    for key in [&genuine, &revoked, &expired] {
        assert_eq!(app.send(ask(key)).await.status, 200);
    }
    let administer = app.administer().await;
    administer.revoke_key(revoked.id()).await.unwrap();
    sqlx::query("UPDATE api_keys SET expires_at = '2026-01-01T00:00:00Z' WHERE id = $1")
        .bind(expired.id().as_str())
        .execute(&app.database().await)
        .await
        .unwrap();
    for key in [revoked, expired] {
        until_limited_again(&app, || ask(&key)).await;
        assert_eq!(app.send(ask(&genuine)).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_cannot_choose_the_address_it_is_counted_by() {
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
