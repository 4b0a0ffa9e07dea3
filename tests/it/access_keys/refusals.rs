use cloakroom::adapters::CapabilityKey;
use cloakroom::domain::{
    AccessKeyOwner, ApiKey, BucketFormula, CapabilityId, ClientId, Principal, Subject,
};
use cloakroom::server::Server;
use secrecy::ExposeSecret as _;
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Setup, fake_authorization_server, introspection_says, until_limited};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn bad_tokens_are_refused() {
    let app = brokering(Setup::default()).await;
    with_organisation(&app, "acme").await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let id = key.id.as_str();
    let body = json!({ "access_key": { "id": id } });
    let none = app.send(app.post(PATH).json(&body)).await;
    assert_refused(&none, 400, "missing_api_token");
    let unknown = ApiKey::from_random([[7; 16]; 3]);
    for bad in ["nonsense", unknown.expose(), &unknown.expose()[..40]] {
        assert_refused(&ask(&app, bad, id).await, 403, "invalid_api_token");
    }
    let without = app.key(&"acme".parse().unwrap(), true).await;
    let detail = assert_refused(
        &ask(&app, without.expose(), id).await,
        403,
        "scope_not_granted",
    );
    assert_eq!(detail, json!({ "scopes": ["object_storage"] }));
    let token = app.token("alice").await;
    let detail = assert_refused(&ask(&app, &token, id).await, 403, "scope_not_granted");
    let scope = "api.katapult.io/core/v1/object_storage";
    assert_eq!(detail, json!({ "scopes": [scope] }));
    let nobody = app
        .token_with(&[("scope", OAUTH_SCOPE), ("without_claim", "sub")])
        .await;
    assert_refused(&ask(&app, &nobody, id).await, 403, "invalid_api_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_owner_may_use_a_key() {
    let app = brokering(Setup::default()).await;
    let acme = with_organisation(&app, "acme").await;
    let other = with_organisation(&app, "other").await;
    app.root()
        .create_bucket()
        .bucket("data")
        .send()
        .await
        .unwrap();
    let denied = (403, "permission_denied");
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let id = key.id.as_str();
    assert_refused(&ask(&app, other.expose(), id).await, denied.0, denied.1);
    let alice = app.token_with(&[("scope", OAUTH_SCOPE)]).await;
    assert_refused(&ask(&app, &alice, id).await, denied.0, denied.1);
    let owner = AccessKeyOwner::Principal(Principal {
        issuer: None,
        client_id: ClientId::parse("demo").unwrap(),
        subject: Subject::parse("alice").unwrap(),
    });
    let hers = access_key(&app, owner, named(&["data"], &[]), &[]).await;
    assert_eq!(ask(&app, &alice, hers.id.as_str()).await.status, 200);
    let elsewhere = app
        .token_with(&[("scope", OAUTH_SCOPE), ("client_id", "editor")])
        .await;
    let refused = ask(&app, &elsewhere, hers.id.as_str()).await;
    assert_refused(&refused, denied.0, denied.1);
    let any = AccessKeyOwner::Subject(Subject::parse("alice").unwrap());
    let any = access_key(&app, any, named(&["data"], &[]), &[]).await;
    assert_eq!(ask(&app, &elsewhere, any.id.as_str()).await.status, 200);
    let administer = app.administer().await;
    administer.disable_access_key(&any.id).await.unwrap();
    let refused = ask(&app, &elsewhere, any.id.as_str()).await;
    assert_refused(&refused, denied.0, denied.1);
    administer
        .set_enabled(&"acme".parse().unwrap(), false)
        .await
        .unwrap();
    assert_refused(&ask(&app, acme.expose(), id).await, denied.0, denied.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_unknown_keys_and_malformed_requests() {
    let app = brokering(Setup::default()).await;
    let token = with_organisation(&app, "acme").await;
    let token = token.expose();
    let away = access_key(&app, of_acme(), named(&["data"], &[]), &["10.0.0.0/8"]).await;
    let refused = ask(&app, token, away.id.as_str()).await;
    assert_refused(&refused, 403, "unauthorized_network_for_api_token");
    let unknown = "object_storage_access_key_not_found";
    for id in ["ak_000000000000000000000000", "ak_1", "", "../x"] {
        assert_refused(&ask(&app, token, id).await, 404, unknown);
    }
    let send = async |body: &str| {
        let request = app.post(PATH).bearer_auth(token);
        let request = request.header("content-type", "application/json");
        app.send(request.body(body.to_owned())).await
    };
    for body in [
        "",
        "{",
        "{}",
        "[]",
        "[[\"ak_000000000000000000000000\"]]",
        "{\"access_key\":[\"ak_000000000000000000000000\"]}",
        "{\"access_key\":1}",
        "{\"access_key\":{\"id\":1}}",
        "{\"access_key\":{\"id\":\"a\",\"id\":\"b\"}}",
        "{\"access_key\":{\"id\":\"a\"},\"more\":1}",
    ] {
        let answer = send(body).await;
        assert_refused(&answer, 400, "invalid_request");
        assert!(answer.text.contains("The body is not"), "{answer:?}");
    }
    let query = app.post(&format!("{PATH}?access=read")).bearer_auth(token);
    let query = query.json(&json!({ "access_key": { "id": away.id.as_str() } }));
    assert_refused(&app.send(query).await, 400, "invalid_request");
    assert_refused(&send(&"x".repeat(70_000)).await, 413, "payload_too_large");
    let form = app.post(PATH).bearer_auth(token).form(&[("id", "x")]);
    assert_refused(&app.send(form).await, 415, "unsupported_media_type");
    let get = app.http.get(format!("{}{PATH}", app.url));
    let answer = app.send(get.bearer_auth(token)).await;
    assert_refused(&answer, 405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("POST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_often() {
    let (app, token) = acme(Setup::default().key("limits.per_owner", "1/s burst 1")).await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    pair(&ask(&app, token.expose(), key.id.as_str()).await);
    let call = async || ask(&app, token.expose(), key.id.as_str()).await;
    let again = until_limited(0, 200, call).await;
    let detail = assert_refused(&again, 429, "rate_limit_reached");
    assert_eq!(detail, json!({ "total_permitted": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn unrecordable_rotation_is_406_and_changes_nothing() {
    let (app, token) = acme(Setup::default()).await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let before = pair(&ask(&app, token.expose(), key.id.as_str()).await);
    let database = app.database().await;
    sqlx::query(
        "CREATE TRIGGER full BEFORE UPDATE ON access_keys BEGIN SELECT RAISE(ABORT, 'full'); END",
    )
    .execute(&database)
    .await
    .unwrap();
    let answer = ask(&app, token.expose(), key.id.as_str()).await;
    let detail = assert_refused(&answer, 406, "task_queueing_error");
    assert!(detail["details"].as_str().unwrap().ends_with('.'));
    assert_eq!(listed(&client(&app, &before), "data").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_or_missing_engine_is_503() {
    let app = brokering(Setup::default()).await;
    let token = with_organisation(&app, "acme").await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let without = Setup::default().replica_of(&app).spawn().await;
    let answer = ask(&without, token.expose(), key.id.as_str()).await;
    assert_refused(&answer, 503, "service_unavailable");
    let down = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(500))
        .mount(&down)
        .await;
    let down = brokering(
        Setup::default()
            .beside(&app)
            .key("storage.endpoint", &down.uri()),
    )
    .await;
    let answer = ask(&down, token.expose(), key.id.as_str()).await;
    assert_refused(&answer, 503, "service_unavailable");
    let fake = fake_authorization_server().await;
    introspection_says(&fake, ResponseTemplate::new(500)).await;
    let blind = Setup::default()
        .key("oauth.issuer", &fake.uri())
        .spawn()
        .await;
    // Both are for the authorization server: `ck_` alone makes no API key.
    for token in ["token", "ck_Zx8kTq0vN4aB7cD1eF2gH3iJ4kL5mN6o"] {
        let answer = ask(&blind, token, key.id.as_str()).await;
        assert_refused(&answer, 503, "service_unavailable");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn capability_works_for_one_key_only() {
    let signing = CapabilityKey::generate().unwrap();
    let setup = Setup::default().key("access_keys.capability_key", signing.expose_secret());
    let (app, _) = acme(setup).await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let other = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let jti = CapabilityId::from_random([1; 16]);
    let sign = |id, seconds| {
        let signing = app.config.access_keys.capability_key.clone().unwrap();
        let now = i64::try_from(crate::support::seconds()).unwrap();
        let now = chrono::DateTime::from_timestamp(now, 0).unwrap();
        let end = now + chrono::TimeDelta::seconds(seconds);
        signing.now().sign(&jti, id, now, end).unwrap()
    };
    let good = sign(&key.id, 60);
    assert_eq!(ask(&app, &good, key.id.as_str()).await.status, 200);
    let bad = (403, "invalid_capabilities_token");
    for (token, id) in [
        (good.clone(), &other.id),
        (sign(&key.id, -1), &key.id),
        (format!("{}AAAA", &good[..good.len() - 4]), &key.id),
    ] {
        assert_refused(&ask(&app, &token, id.as_str()).await, bad.0, bad.1);
    }
    // It opens nothing else.
    app.ask(&good).await.assert_problem(401, "invalid-token");
    let without = brokering(Setup::default().replica_of(&app)).await;
    assert_refused(&ask(&without, &good, key.id.as_str()).await, bad.0, bad.1);
    let rows = sqlx::query_scalar::<_, String>(
        "SELECT caller FROM audit_trail WHERE action = 'access-key rotate'",
    );
    let callers = rows.fetch_all(&app.database().await).await.unwrap();
    assert_eq!(callers, [format!("capability {jti}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn key_is_available_only_from_its_networks() {
    let (app, token) = acme(Setup::default().key("http.trusted_proxies", "127.0.0.0/8")).await;
    let from = async |networks: &[&str], address: Option<&str>| {
        let key = access_key(&app, of_acme(), named(&["data"], &[]), networks).await;
        let request = request(&app, token.expose(), key.id.as_str());
        let forwarded = |address| {
            request
                .try_clone()
                .unwrap()
                .header("x-forwarded-for", address)
        };
        app.send(address.map_or_else(|| request.try_clone().unwrap(), forwarded))
            .await
    };
    let networks = ["10.0.0.0/8", "2001:db8::/32"];
    for inside in [
        "10.1.2.3",
        "2001:db8::7",
        "::ffff:10.1.2.3",
        "10.1.2.3:4711",
    ] {
        assert_eq!(from(&networks, Some(inside)).await.status, 200, "{inside}");
    }
    for outside in [
        "11.0.0.1",
        "2001:db9::1",
        "10.1.2.3, 192.0.2.1",
        "10.1.2.3, unknown",
        // The request has passed an undeclared proxy.
        "192.0.2.1, 10.1.2.3",
    ] {
        let refused = from(&networks, Some(outside)).await;
        assert_refused(&refused, 403, "unauthorized_network_for_api_token");
    }
    // Clients that the proxy does not name do not inherit its network.
    let local = ["127.0.0.0/8"];
    for nameless in [Some("unknown"), None] {
        let refused = from(&local, nameless).await;
        assert_refused(&refused, 403, "unauthorized_network_for_api_token");
    }
    assert_eq!(from(&local, Some("127.0.0.1")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn undeclared_proxy_does_not_lend_its_network() {
    let (app, token) = acme(Setup::default()).await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &["127.0.0.0/8"]).await;
    let request = || request(&app, token.expose(), key.id.as_str());
    assert_eq!(app.send(request()).await.status, 200, "no proxy");
    for (mark, value) in [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=203.0.113.9"),
        ("x-real-ip", "203.0.113.9"),
        ("via", "1.1 proxy"),
    ] {
        let refused = app.send(request().header(mark, value)).await;
        assert_refused(&refused, 403, "unauthorized_network_for_api_token");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_on_all_buckets_do_not_grow_to_personal_buckets() {
    let app = brokering(Setup::default().key("access_keys.bucket_prefix", "team-")).await;
    let token = with_organisation(&app, "acme").await;
    let all = AccessKeyRights {
        all_objects_read: true,
        ..AccessKeyRights::default()
    };
    let key = access_key(&app, of_acme(), all, &[]).await;
    pair(&ask(&app, token.expose(), key.id.as_str()).await);
    let mut config = app.config.clone();
    config.http.address.set_port(0);
    config.naming.formula = BucketFormula::new("team-", "", "", None).unwrap();
    config.naming.accept_change = true;
    config.access_keys.bucket_prefix = Some("other-".parse().unwrap());
    let refused = Server::build(&config).await.err().unwrap().to_string();
    assert!(refused.starts_with("naming.prefix: "), "{refused}");
    assert!(refused.contains(key.id.as_str()), "{refused}");
    // A key that is created while such a gateway runs.
    let database = app.database().await;
    let set = |statement: &'static str| sqlx::query(statement).execute(&database);
    set("UPDATE access_keys SET disabled_at = '2026-01-01T00:00:00Z'")
        .await
        .unwrap();
    // Its pairs count as ended.
    set("UPDATE access_keys SET cleaned_at = disabled_at")
        .await
        .unwrap();
    let renamed = Setup::default()
        .replica_of(&app)
        .key("naming.prefix", "team-")
        .key("naming.accept_change", "true")
        .key("access_keys.bucket_prefix", "other-");
    let renamed = brokering(renamed).await;
    set("UPDATE access_keys SET disabled_at = ''")
        .await
        .unwrap();
    let refused = ask(&renamed, token.expose(), key.id.as_str()).await;
    assert_refused(&refused, 422, "object_storage_provisioning_error");
    assert!(refused.text.contains("is not its owner's"), "{refused:?}");
}
