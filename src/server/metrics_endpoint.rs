//! `/metrics`, on a listener apart from the gateway's: it answers however busy the gateway is, and while
//! it drains.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::http::Gateway;
use crate::metrics::Metrics;

const PATH: &str = "/metrics";

/// How many scrapes are answered at once. Further connections wait.
const CONNECTIONS: usize = 16;

/// How long a connection may take in all. It serves one request.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// How long a scrape waits for the answer whether the gateway is ready.
const READY_LIMIT: Duration = Duration::from_secs(3);

/// The longest head of a request, in bytes; hyper takes no less.
const HEAD_BYTES: usize = 8 * 1024;

/// The pause after a failed accept, so that file descriptors can come free.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The listener of `/metrics`, bound and not yet served.
pub(super) struct MetricsEndpoint {
    listener: TcpListener,
    address: SocketAddr,
}

impl MetricsEndpoint {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = StdTcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is dropped.
    pub(super) async fn serve(self, metrics: Arc<Metrics>, gateway: Arc<Gateway>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "metrics: cannot accept a connection, trying again");
                    sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            };
            let (metrics, gateway) = (Arc::clone(&metrics), Arc::clone(&gateway));
            tokio::spawn(async move {
                // What goes wrong on a connection is its client's business.
                let _ = timeout(TIME_LIMIT, answer_one(stream, metrics, gateway)).await;
                drop(place);
            });
        }
    }
}

async fn answer_one(
    stream: TcpStream,
    metrics: Arc<Metrics>,
    gateway: Arc<Gateway>,
) -> Result<(), hyper::Error> {
    let answer = service_fn(move |request: Request<Incoming>| {
        let (metrics, gateway) = (Arc::clone(&metrics), Arc::clone(&gateway));
        async move {
            metrics.ready(is_ready(&gateway).await);
            let answered = answer(request.method(), request.uri().path(), &metrics);
            Ok::<_, Infallible>(answered)
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), answer)
        .await
}

/// Whether `/readyz` says so. A database that does not answer is not ready, and keeps no scrape waiting.
async fn is_ready(gateway: &Gateway) -> bool {
    let missing = timeout(READY_LIMIT, gateway.missing()).await;
    missing == Ok(None)
}

fn answer(method: &Method, path: &str, metrics: &Metrics) -> Response<String> {
    if path != PATH {
        return plain(StatusCode::NOT_FOUND, "metrics are at /metrics\n");
    }
    if ![Method::GET, Method::HEAD].contains(method) {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
        let headers = refused.headers_mut();
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match metrics.text() {
        Ok(text) => with_type(Response::new(text), Metrics::CONTENT_TYPE),
        Err(_) => plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "cannot write the metrics\n",
        ),
    }
}

fn plain(status: StatusCode, text: &str) -> Response<String> {
    let mut response = Response::new(text.to_owned());
    *response.status_mut() = status;
    with_type(response, "text/plain; charset=utf-8")
}

fn with_type(mut response: Response<String>, content_type: &'static str) -> Response<String> {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
