//! Answers of the store that never end, are too long or take too long. They must not exhaust memory or
//! exceed the request's deadline.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::ResponseTemplate;

use crate::support::{SESSION, Setup, fake_store, time_in};

/// More bytes than the sockets' buffers and the gateway's limit hold.
const FAR_TOO_MUCH: usize = 64 * 1024 * 1024;

/// A store that answers requests of one method with an endless body, in chunks.
struct EndlessStore {
    address: SocketAddr,
    sent: Arc<AtomicUsize>,
}

impl EndlessStore {
    async fn start(endless: &'static str, chunk: usize, pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&sent);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let sent = Arc::clone(&counted);
                tokio::spawn(async move {
                    let _ = answer(connection, endless, chunk, pause, &sent).await;
                });
            }
        });
        Self { address, sent }
    }

    async fn gateway(&self) -> crate::support::App {
        Setup::default()
            .key("storage.endpoint", &format!("http://{}", self.address))
            .spawn()
            .await
    }
}

async fn answer(
    mut connection: TcpStream,
    endless: &str,
    chunk: usize,
    pause: Duration,
    sent: &AtomicUsize,
) -> std::io::Result<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(connection.read_u8().await?);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head.lines().find_map(|line| {
            let value = line.strip_prefix("content-length:")?;
            value.trim().parse().ok()
        });
        let mut body = vec![0; length.unwrap_or(0)];
        connection.read_exact(&mut body).await?;
        let method = head.split(' ').next().unwrap().to_uppercase();
        if method == endless {
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\n\r\n<A>";
            connection.write_all(head).await?;
            loop {
                connection.write_all(&vec![b'x'; chunk]).await?;
                sent.fetch_add(chunk, Ordering::Relaxed);
                tokio::time::sleep(pause).await;
                if sent.load(Ordering::Relaxed) > FAR_TOO_MUCH {
                    return Ok(());
                }
            }
        }
        let none = "<Error><Code>NoSuchTagSet</Code></Error>";
        let (status, body) = match method.as_str() {
            "HEAD" => (404, ""),
            "GET" => (404, none),
            _ => (200, ""),
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n{body}");
        connection.write_all(answer.as_bytes()).await?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_answer_is_502_and_is_not_read_for_long() {
    for method in ["GET", "PUT", "POST"] {
        let store = EndlessStore::start(method, 64 * 1024, Duration::ZERO).await;
        let app = store.gateway().await;
        app.ask(&app.token("alice").await)
            .await
            .assert_problem(502, "storage-unavailable");
        let sent = store.sent.load(Ordering::Relaxed);
        assert!(
            (1..FAR_TOO_MUCH).contains(&sent),
            "{method}: {sent} bytes sent"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dripping_answer_is_502_within_the_deadline() {
    let store = EndlessStore::start("POST", 1, Duration::from_millis(50)).await;
    let app = store.gateway().await;
    let token = app.token("alice").await;
    let started = Instant::now();
    app.ask(&token)
        .await
        .assert_problem(502, "storage-unavailable");
    assert!(started.elapsed() < Duration::from_millis(5_200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_read_up_to_a_mebibyte() {
    for (padding, status) in [(900_000, 200), (1_100_000, 502)] {
        let answer = SESSION.replace("TIME", &time_in(3600));
        let answer = format!("{answer}<!--{}-->", "x".repeat(padding));
        let store = fake_store(ResponseTemplate::new(200).set_body_string(answer)).await;
        let app = Setup::default()
            .key("storage.endpoint", &store.uri())
            .spawn()
            .await;
        let answer = app.ask(&app.token("alice").await).await;
        assert_eq!(answer.status, status, "{padding}");
    }
}
