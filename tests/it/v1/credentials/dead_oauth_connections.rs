//! Pooled connections to the authorization server that die silently, as behind a firewall that
//! forgets idle ones.

use std::time::{Duration, Instant};

use crate::support::faulty_proxy::FaultyProxy;
use crate::support::{App, Setup, spawn_app};

const POOLED: usize = 4;

/// A gateway that introspects every token and has [`POOLED`] idle connections.
async fn with_pooled_connections(upstream: &App) -> (App, FaultyProxy) {
    let proxy = FaultyProxy::start(&upstream.oauth.issuer()).await;
    let introspection = format!("http://{}/introspect", proxy.address());
    let app = Setup::default()
        .replica_of(upstream)
        .key("oauth.introspection_endpoint", &introspection)
        .key("oauth.introspection_cache", "0s")
        .spawn()
        .await;
    let token = upstream.token("alice").await;
    while proxy.accepted() < POOLED {
        let calls = (0..POOLED).map(|_| app.ask(&token));
        for answer in futures_util::future::join_all(calls).await {
            answer.credentials();
        }
    }
    (app, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failure_discards_all_dead_connections() {
    let upstream = spawn_app().await;
    let (app, proxy) = with_pooled_connections(&upstream).await;
    let token = upstream.token("alice").await;
    proxy.swallow_existing();
    let died = Instant::now();
    let first = app.ask(&token).await;
    first.assert_problem(502, "identification-unavailable");
    for _ in 0..2 * POOLED {
        app.ask(&token).await.credentials();
    }
    assert!(
        died.elapsed() < Duration::from_secs(5),
        "{:?}",
        died.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_without_time_to_wait_discard_them_too() {
    let upstream = spawn_app().await;
    let (app, proxy) = with_pooled_connections(&upstream).await;
    let token = upstream.token("alice").await;
    proxy.swallow_existing();
    let container = async || {
        let request = app
            .http
            .get(format!("{}/v1/credentials/container", app.url));
        app.send(request.bearer_auth(&token)).await.status
    };
    assert_eq!(container().await, 502);
    // The pool is replaced while requests run, so one more may meet a dead connection.
    let second = container().await;
    assert!([200, 502].contains(&second), "{second}");
    assert_eq!((container().await, container().await), (200, 200));
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_meet_a_silent_connection_succeed_over_a_new_one() {
    let upstream = spawn_app().await;
    let (app, proxy) = with_pooled_connections(&upstream).await;
    let token = upstream.token("alice").await;
    proxy.silence_existing();
    let died = Instant::now();
    // When these calls are retried, other dead connections are still in the pool.
    let calls = (0..POOLED / 2).map(|_| app.ask(&token));
    for answer in futures_util::future::join_all(calls).await {
        answer.credentials();
    }
    assert!(died.elapsed() < Duration::from_secs(5));
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_are_probed_by_tcp_keepalive() {
    let upstream = spawn_app().await;
    let (_app, proxy) = with_pooled_connections(&upstream).await;
    let probed = super::dead_connections::probed_connections_to(proxy.address().port());
    assert!(probed >= POOLED, "{probed}");
}
