use std::time::Duration;

use wiremock::ResponseTemplate;

use crate::support::{
    Setup, fake_authorization_server, introspection_says, spawn_app, until_limited,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_asks_too_often_is_429_and_others_are_not() {
    let app = Setup::default()
        .key("limits.per_owner", "1/s burst 2")
        .spawn()
        .await;
    let (alice, bob) = (app.token("alice").await, app.token("bob").await);
    let answer = until_limited(2, 200, async || app.ask(&alice).await).await;
    answer.assert_problem(429, "rate-limited");
    app.ask(&bob).await.credentials();
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_token_does_not_use_up_the_rate_limit() {
    let app = Setup::default()
        .key("limits.per_owner", "1/s burst 1")
        .spawn()
        .await;
    for _ in 0..5 {
        let token = app.token_with(&[("scope", "other")]).await;
        app.ask(&token)
            .await
            .assert_problem(403, "insufficient-scope");
    }
    app.ask(&app.token("alice").await).await.credentials();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_at_once_than_allowed_are_503() {
    let fake = fake_authorization_server().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(2));
    introspection_says(&fake, slow.set_body_string("{\"active\":false}")).await;
    let setup = Setup::default().key("oauth.issuer", &fake.uri());
    let app = setup.key("http.max_in_flight", "1").spawn().await;
    let (first, second) = tokio::join!(app.ask("one"), async {
        while fake
            .received_requests()
            .await
            .unwrap()
            .iter()
            .all(|r| r.url.path() != "/introspect")
        {
            tokio::task::yield_now().await;
        }
        app.ask("two").await
    });
    second.assert_problem(503, "overloaded");
    assert_eq!(second.header("retry-after"), Some("1"));
    assert_ne!(first.status, 503);
    assert_ne!(app.ask("three").await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whose_sessions_are_being_revoked_is_503() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    app.ask(&token).await.credentials();
    let frozen = "INSERT INTO revocations (kind, name, before, frozen_until, over_at) SELECT 'owner', owner_kind || ' ' || owner_id, \
                  '2026-01-01T00:00:00.000Z', '2999-01-01T00:00:00Z', '2999-01-01T00:00:00Z' FROM owned_buckets";
    let database = app.database().await;
    sqlx::query(frozen).execute(&database).await.unwrap();
    // It reads them when it starts.
    let replica = Setup::default().replica_of(&app).spawn().await;
    let answer = replica.ask(&token).await;
    answer.assert_problem(503, "overloaded");
    assert_eq!(answer.header("retry-after"), Some("1"));
}
