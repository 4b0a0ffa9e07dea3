//! Readers of the log that are slow, stall or go away.

use cloakroom::embedded::authorization_server::AuthorizationServer;

use crate::support::Serve;

/// Several times the capacity of a pipe.
const REQUESTS: usize = 1_000;

async fn gateway() -> Serve {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    Serve::start(&oauth, "http://127.0.0.1:9", &[]).await
}

/// Sends requests, each of which writes a line to the log.
async fn requests(gateway: &Serve, number: usize) {
    let http = reqwest::Client::builder().no_proxy();
    let http = http
        .timeout(std::time::Duration::from_secs(10))
        .build()
        .unwrap();
    let page = format!("{}/problems", gateway.url);
    for _ in 0..number {
        let answer = http.get(&page).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_log_blocks_neither_requests_nor_shutdown() {
    let mut gateway = gateway().await;
    requests(&gateway, REQUESTS).await;
    gateway.signal("TERM").await;
    gateway.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn returning_reader_misses_nothing() {
    let mut gateway = gateway().await;
    requests(&gateway, REQUESTS).await;
    for _ in 0..REQUESTS {
        gateway.line("request").await;
    }
    gateway.signal("TERM").await;
    let rest = gateway.rest().await;
    assert_eq!(rest.last().unwrap()["message"], "stopped", "{rest:?}");
    gateway.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_log_blocks_neither_requests_nor_shutdown() {
    let mut gateway = gateway().await;
    gateway.close_log();
    requests(&gateway, 20).await;
    gateway.signal("TERM").await;
    gateway.ended().await;
}
