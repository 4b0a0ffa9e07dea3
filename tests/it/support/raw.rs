//! A client that sends exactly the bytes that a test gives it.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The time after which a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to a gateway.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

/// A complete answer.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(url: &str) -> io::Result<Self> {
        let address = url.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(address).await?;
        Ok(Self {
            stream,
            read: Vec::new(),
        })
    }

    pub(crate) async fn open(url: &str) -> Self {
        Self::connect(url).await.unwrap()
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends byte after byte until the gateway closes the connection.
    pub(crate) async fn drip_until_let_go(&mut self) {
        let let_go = async {
            while self.stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, let_go)
            .await
            .expect("the gateway holds the connection");
    }

    /// Sends a request without a body and reads the answer.
    pub(crate) async fn get(&mut self, path: &str) -> RawAnswer {
        self.send(&request("GET", path)).await;
        self.answer().await
    }

    /// Reads the next answer.
    pub(crate) async fn answer(&mut self) -> RawAnswer {
        self.try_answer().await.unwrap()
    }

    pub(crate) async fn try_answer(&mut self) -> io::Result<RawAnswer> {
        loop {
            if let Some(answer) = self.parse() {
                return Ok(answer);
            }
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads the next answer, to a HEAD request.
    pub(crate) async fn head_only(&mut self) -> String {
        loop {
            if let Some(end) = self.read.windows(4).position(|at| at == b"\r\n\r\n") {
                return String::from_utf8(self.read.drain(..end + 4).collect()).unwrap();
            }
            assert_ne!(self.fill().await.unwrap(), 0, "the connection was closed");
        }
    }

    /// Whether the gateway closes the connection without sending another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.read.is_empty() && self.fill().await.unwrap() == 0
    }

    async fn fill(&mut self) -> io::Result<usize> {
        let reading = self.stream.read_buf(&mut self.read);
        tokio::time::timeout(PATIENCE, reading)
            .await
            .expect("the gateway says nothing")
    }

    fn parse(&mut self) -> Option<RawAnswer> {
        let end = self.read.windows(4).position(|at| at == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(self.read[..end].to_vec()).unwrap();
        let mut answer = RawAnswer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head,
            body: Vec::new(),
        };
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        answer.body = self.read.get(end..end + length)?.to_vec();
        self.read.drain(..end + length);
        Some(answer)
    }
}

impl RawAnswer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Checks that the answer is a problem, and that the connection is closed after it.
    pub(crate) fn assert_last_problem(&self, status: u16, slug: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(self.header("connection"), Some("close"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let id = self.header("x-request-id").unwrap();
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(body["status"], status);
        assert_eq!(body["instance"], format!("urn:uuid:{id}"));
        let kind = body["type"].as_str().unwrap();
        assert!(kind.ends_with(&format!("/problems/{slug}")), "{kind}");
    }
}

/// A request without a body.
pub(crate) fn request(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: gateway.example\r\n\r\n")
}
