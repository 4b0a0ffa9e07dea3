use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use openidconnect::http::{Method, StatusCode};
use openidconnect::{HttpRequest, HttpResponse};
use tokio::task::JoinHandle;
use url::Url;

use crate::adapters::{Current, Derived};
use crate::service::{UpstreamError, UpstreamErrorKind};

use super::strict_json::StrictObject;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Idle connections are closed sooner than firewalls and NATs forget them, which is after a minute
/// at the earliest.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// An idle connection is probed after this time, and again after the interval. One whose probes are
/// not acknowledged is closed.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 2;

/// A request whose bytes are not acknowledged for so long has not arrived: the connection is dead,
/// and there is time left for another.
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections that are younger than this are not thrown away with the others.
const POOL_PAUSE: Duration = Duration::from_secs(1);

/// The longest page read for nothing but its date.
const MAX_PAGE_BYTES: usize = 1024 * 1024;
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(2_500);

/// The HTTP client for authorization servers: verified TLS, no redirects, bounded answers, one
/// retry where an answer may come of it.
#[derive(Clone, Debug)]
pub struct OauthHttp(Arc<Clients>);

/// The client cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS: {0}")]
pub struct OauthHttpError(#[from] reqwest::Error);

impl OauthHttp {
    /// Trusts the system's certificate authorities, and those in `extra_authorities` (PEM).
    ///
    /// # Errors
    ///
    /// [`OauthHttpError`] when the PEM cannot be read or the system has no authorities.
    pub fn new(extra_authorities: Current<Option<Vec<u8>>>) -> Result<Self, OauthHttpError> {
        Ok(Self(Arc::new(Derived::new(extra_authorities, client)?)))
    }

    /// Sends the request; once more after a transport error, 429 or 5xx, never after a timeout
    /// (docs/call.md).
    ///
    /// A connection that a firewall has dropped looks like a server that is slow. So after a timeout,
    /// or when a connection breaks, all idle connections are let go, and the next request opens a
    /// new one.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`] when no answer came, or one longer than `max_bytes`.
    pub async fn send(
        &self,
        request: HttpRequest,
        max_bytes: usize,
    ) -> Result<HttpResponse, UpstreamError> {
        let first = self.attempt(request.clone(), max_bytes).await;
        let again = match &first {
            Ok(answer) => is_worth_another_try(answer.status()),
            Err(failure) => failure.kind == UpstreamErrorKind::Unreachable,
        };
        if again {
            self.attempt(request, max_bytes).await
        } else {
            first
        }
    }

    /// What time it is there (RFC 9110 section 6.6.1); any answer may tell.
    pub(crate) async fn date(&self, url: &Url) -> Result<Option<DateTime<Utc>>, UpstreamError> {
        let request = openidconnect::http::Request::builder()
            .uri(url.as_str())
            .body(Vec::new())
            .map_err(|_| UpstreamError::new(UpstreamErrorKind::Nonsense, "no address to ask"))?;
        let answer = self.send(request, MAX_PAGE_BYTES).await?;
        let date = answer.headers().get("date");
        Ok(http_date(date.and_then(|date| date.to_str().ok())))
    }

    /// Reads a JSON document. A failure names the address.
    pub(super) async fn get_json(
        &self,
        url: &Url,
        max_bytes: usize,
    ) -> Result<StrictObject, UpstreamError> {
        let read = self.try_json(url, max_bytes).await;
        read.map_err(|failure| failure.at(url))
    }

    /// The same, for a caller that names the address.
    pub(super) async fn try_json(
        &self,
        url: &Url,
        max_bytes: usize,
    ) -> Result<StrictObject, UpstreamError> {
        let request = openidconnect::http::Request::builder()
            .method(Method::GET)
            .uri(url.as_str())
            .header("accept", "application/json")
            .body(Vec::new())
            .map_err(|_| {
                UpstreamError::new(UpstreamErrorKind::Nonsense, "no address to read from")
            })?;
        let answer = self.send(request, max_bytes).await?;
        if answer.status() != StatusCode::OK {
            let cause = format!("the answer is {}", answer.status());
            return Err(UpstreamError::new(UpstreamErrorKind::Unreachable, cause));
        }
        StrictObject::from_slice(answer.body()).map_err(|_| {
            let cause = "the answer is no JSON object";
            UpstreamError::new(UpstreamErrorKind::Nonsense, cause)
        })
    }

    async fn attempt(
        &self,
        request: HttpRequest,
        max_bytes: usize,
    ) -> Result<HttpResponse, UpstreamError> {
        let request = reqwest::Request::try_from(request).map_err(|error| failed(&error))?;
        let (client, number) = self.0.numbered();
        let mut pool = Pool {
            clients: Arc::clone(&self.0),
            number,
            asked: Instant::now(),
            has_ended: false,
        };
        let answer = read(&client, request, max_bytes).await;
        pool.has_ended = true;
        if answer.as_ref().is_err_and(is_suspect) {
            let _ = pool.let_go().await;
            // Another request may have found it out first: its client is what the repetition needs.
            self.0.renewal_ended().await;
        }
        answer.map_err(|error| match error {
            ReadError::Transport(error) => failed(&error),
            ReadError::TooLong => {
                let cause = format!("the answer is longer than {max_bytes} bytes");
                UpstreamError::new(UpstreamErrorKind::Nonsense, cause)
            }
        })
    }
}

type Clients = Derived<Option<Vec<u8>>, reqwest::Client, OauthHttpError>;

/// The connections that a request was sent over. Those that are idle are let go if it turned out
/// that they may be dead.
struct Pool {
    clients: Arc<Clients>,
    number: u64,
    asked: Instant,
    /// Not when the request was given up because its time was over.
    has_ended: bool,
}

impl Pool {
    /// Reading the system's certificate authorities takes longer than a thread of requests may be
    /// held up.
    fn let_go(&self) -> JoinHandle<()> {
        let (clients, number) = (Arc::clone(&self.clients), self.number);
        tokio::task::spawn_blocking(move || clients.renew(number, POOL_PAUSE))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if !self.has_ended && self.asked.elapsed() >= UNACKNOWLEDGED_TIMEOUT {
            self.let_go();
        }
    }
}

enum ReadError {
    Transport(reqwest::Error),
    TooLong,
}

impl From<reqwest::Error> for ReadError {
    fn from(error: reqwest::Error) -> Self {
        Self::Transport(error)
    }
}

async fn read(
    client: &reqwest::Client,
    request: reqwest::Request,
    max_bytes: usize,
) -> Result<HttpResponse, ReadError> {
    let mut answer = client.execute(request).await?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > max_bytes {
            return Err(ReadError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = HttpResponse::new(body);
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    Ok(response)
}

/// Whether other connections may be dead as well: not when this one could not be opened.
fn is_suspect(error: &ReadError) -> bool {
    matches!(error, ReadError::Transport(error) if !error.is_connect())
}

#[expect(clippy::ref_option, reason = "what `Derived` hands out")]
fn client(extra_authorities: &Option<Vec<u8>>) -> Result<reqwest::Client, OauthHttpError> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        // A proxy from the environment would see tokens meant for a loopback address.
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ATTEMPT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tcp_keepalive(KEEPALIVE)
        .tcp_keepalive_interval(KEEPALIVE_INTERVAL)
        .tcp_keepalive_retries(KEEPALIVE_RETRIES)
        .tcp_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        builder = builder.tcp_user_timeout(UNACKNOWLEDGED_TIMEOUT);
    }
    if let Some(pem) = extra_authorities {
        builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem)?);
    }
    Ok(builder.build()?)
}

/// RFC 9110 section 5.6.7: the form that servers must write.
pub(crate) fn http_date(header: Option<&str>) -> Option<DateTime<Utc>> {
    let date = DateTime::parse_from_rfc2822(header?).ok()?;
    Some(date.with_timezone(&Utc))
}

fn is_worth_another_try(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// reqwest's own text holds the URL and nothing else of the request.
fn failed(error: &reqwest::Error) -> UpstreamError {
    let (kind, cause) = if !error.is_connect() && is_dead(error) {
        (
            UpstreamErrorKind::Unreachable,
            "the connection died in silence",
        )
    } else if error.is_timeout() {
        (UpstreamErrorKind::Timeout, "no answer in time")
    } else if error.is_connect() {
        let cause = format!("no connection ({})", innermost(error));
        return UpstreamError::new(UpstreamErrorKind::Unreachable, cause);
    } else {
        (UpstreamErrorKind::Unreachable, "the connection broke off")
    };
    UpstreamError::new(kind, cause)
}

/// What the operating system, the resolver or the check of the certificate says.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}

/// Whether the operating system has given an open connection up because nothing that was sent over it
/// was acknowledged. The request has not arrived, so this is no slow server.
fn is_dead(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let of_system = error.downcast_ref::<io::Error>();
        let of_system = of_system.filter(|error| error.raw_os_error().is_some());
        if of_system.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use crate::adapters::{counting_server, fixed};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("wrapped")]
    struct Wrapped(#[source] io::Error);

    #[test]
    fn a_connection_that_the_system_gave_up_is_not_a_slow_server() {
        const ETIMEDOUT: i32 = 110;
        assert!(is_dead(&Wrapped(io::Error::from_raw_os_error(ETIMEDOUT))));
        assert!(!is_dead(&Wrapped(io::ErrorKind::TimedOut.into())));
        assert!(!is_dead(&Wrapped(io::ErrorKind::ConnectionReset.into())));
    }

    #[tokio::test]
    async fn a_connection_that_was_idle_for_a_minute_is_not_used_again() {
        let (url, accepted) = counting_server().await;
        let http = OauthHttp::new(fixed(None)).unwrap();
        let url = Url::parse(&url).unwrap();
        http.date(&url).await.unwrap();
        http.date(&url).await.unwrap();
        assert_eq!(accepted.load(Ordering::SeqCst), 1);
        tokio::time::pause();
        // Firewalls and NATs forget an idle connection after this at the earliest.
        tokio::time::advance(Duration::from_secs(59)).await;
        tokio::time::resume();
        http.date(&url).await.unwrap();
        assert_eq!(accepted.load(Ordering::SeqCst), 2);
    }
}
