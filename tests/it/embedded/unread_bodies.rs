//! Uploads that are refused before their body is read, and what follows on the connection.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::spawn_app;

/// Sends the requests at once, and reads until the server closes the connection.
async fn exchange(url: &str, requests: &[u8]) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(requests).await.unwrap();
    let mut text = Vec::new();
    let reading = stream.read_to_end(&mut text);
    let limit = std::time::Duration::from_secs(20);
    tokio::time::timeout(limit, reading).await.unwrap().unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_of_a_refused_upload_is_not_taken_for_a_request() {
    let app = spawn_app().await;
    let mut requests =
        b"PUT /bucket/key HTTP/1.1\r\nHost: store\r\nContent-Length: 4000000\r\n\r\n".to_vec();
    let body = b"GET / HTTP/1.1\r\n\r\n".repeat(250_000);
    requests.extend(&body[..4_000_000]);
    requests.extend(b"GET /bucket HTTP/1.1\r\nHost: store\r\nConnection: close\r\n\r\n");
    let answers = exchange(&app.storage.url(), &requests).await;
    assert_eq!(answers.matches("HTTP/1.1 403").count(), 2, "{answers}");
    assert_eq!(answers.matches("HTTP/1.1").count(), 2, "{answers}");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_waits_to_send_the_body_is_told_that_the_connection_closes() {
    let app = spawn_app().await;
    let request = b"PUT /bucket/key HTTP/1.1\r\nHost: store\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n";
    let answer = exchange(&app.storage.url(), request).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(
        answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
}
