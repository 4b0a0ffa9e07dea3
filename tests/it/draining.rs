//! Clients of a gateway that is shutting down (docs/operations.md).

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Raw, RawAnswer, Setup, request, spawn_app, until_ready};

/// Repeats the request until it gets this answer.
async fn until(url: &str, path: &str, wanted: u16) -> RawAnswer {
    let began = Instant::now();
    loop {
        let answer = Raw::open(url).await.get(path).await;
        if answer.status == wanted {
            return answer;
        }
        let is_late = began.elapsed() > Duration::from_secs(20);
        assert!(!is_late, "{path}: {}", answer.status);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_served_during_the_drain_delay() {
    let setup = Setup::default().key("http.drain_delay", "5s");
    let app = setup.spawn().await;
    let token = app.token("alice").await;
    let url = app.url.clone();
    until_ready(&url).await;
    let mut kept = Raw::open(&url).await;
    assert_eq!(kept.get("/readyz").await.status, 200);
    let stopped = tokio::spawn(app.stop());
    let unready = until(&url, "/readyz", 503).await;
    assert_eq!(unready.text(), "not ready: stopping\n");
    let ask = request("POST", "/v1/credentials");
    let ask = ask.replacen(
        "\r\n\r\n",
        &format!("\r\nauthorization: Bearer {token}\r\n\r\n"),
        1,
    );
    for mut client in [kept, Raw::open(&url).await] {
        client.send(&ask).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (200, None));
        assert_eq!(client.get("/livez").await.status, 200);
    }
    stopped.await.unwrap();
    assert!(Raw::connect(&url).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_refusals_use_the_dialect_of_their_route() {
    let setup = Setup::default().change(|config| {
        config.http.patience.last_request = Duration::from_secs(15);
    });
    let app = setup.spawn().await;
    let workspace = "/api/v1/org/acme/ws/research/storage/credentials";
    let access_key = "/core/v1/object_storage/access_keys/access_key/generate_credentials";
    let asked = [
        ("POST", "/v1/credentials", "/problems/overloaded"),
        ("GET", "/v1/credentials/container", "\"Code\""),
        ("POST", "/storage/boto", "/problems/overloaded"),
        ("GET", workspace, "\"code\""),
        ("POST", access_key, "\"code\""),
        ("POST", "/", "<ErrorResponse"),
        ("GET", "/", "/problems/overloaded"),
        ("GET", "/openapi.json", "/problems/overloaded"),
        ("GET", "/nothing", "/problems/overloaded"),
        ("PUT", "/v1/credentials", "/problems/overloaded"),
    ];
    let mut kept = Vec::new();
    for _ in 0..=asked.len() {
        let mut client = Raw::open(&app.url).await;
        assert_eq!(client.get("/livez").await.status, 200);
        kept.push(client);
    }
    let url = app.url.clone();
    let stopped = tokio::spawn(app.stop());
    while Raw::connect(&url).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut alive = kept.pop().unwrap();
    for ((method, path, words), client) in asked.iter().zip(&mut kept) {
        client.send(&request(method, path)).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 503, "{method} {path}");
        assert_eq!(answer.header("connection"), Some("close"), "{path}");
        assert!(answer.header("retry-after").is_some(), "{path}");
        assert!(answer.text().contains(words), "{path}: {}", answer.text());
        assert!(client.is_closed().await);
    }
    let answer = alive.get("/livez").await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (200, Some("close"))
    );
    // No connection is left, so it does not wait for idle ones.
    stopped.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_do_not_delay_shutdown() {
    let app = spawn_app().await;
    let mut kept = Raw::open(&app.url).await;
    assert_eq!(kept.get("/livez").await.status, 200);
    let mut silent = Raw::open(&app.url).await;
    let stopping = tokio::time::timeout(Duration::from_secs(10), app.stop());
    stopping.await.expect("it waits for idle connections");
    assert!(kept.is_closed().await && silent.is_closed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_is_answered_or_refused_while_the_gateway_stops() {
    let app = spawn_app().await;
    let answered = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..16)
        .map(|_| {
            let (url, answered) = (app.url.clone(), Arc::clone(&answered));
            tokio::spawn(async move {
                loop {
                    let mut client = match Raw::connect(&url).await {
                        Ok(client) => client,
                        Err(error) => return error.kind(),
                    };
                    client.send(&request("POST", "/v1/credentials")).await;
                    let status = client.answer().await.status;
                    assert!(status == 401 || status == 503, "{status}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    while answered.load(Ordering::Relaxed) < 500 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.stop().await;
    for client in clients {
        assert_eq!(client.await.unwrap(), ErrorKind::ConnectionRefused);
    }
}
