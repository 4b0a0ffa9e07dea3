mod failure;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use openidconnect::http::{HeaderValue, Method, StatusCode};
use openidconnect::{HttpRequest, HttpResponse};
use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinHandle;
use url::Url;

use crate::adapters::strict_json::StrictObject;
use crate::adapters::{CallFailure, Current, Derived, Upstream, UpstreamCalls};
use crate::service::{UpstreamError, UpstreamErrorKind};

use failure::{ReadError, upstream_error};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Idle connections are closed before firewalls and NATs forget them, which is after a minute at the
/// earliest.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// An idle connection is probed after this time, then at this interval, and closed if no probe is
/// acknowledged.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 2;

/// The time that sent bytes may stay unacknowledged. After it the connection counts as dead, and there
/// is time left for a retry over another one.
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(1);

/// Connection pools that are younger than this are not replaced.
const MIN_POOL_AGE: Duration = Duration::from_secs(1);

/// Kubernetes answers 406 unless its type of key sets is accepted.
const ACCEPT: &str = "application/json, application/jwk-set+json";

/// The longest page read for its `Date` header, in bytes.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// The time for one attempt, from connecting to the end of the answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(2_500);

/// The HTTP client for authorization servers: verified TLS, no redirects, limited answers, and one retry
/// after errors that may be temporary.
#[derive(Clone, Debug)]
pub struct OauthHttp {
    clients: Arc<Clients>,
    calls: UpstreamCalls,
    upstream: Upstream,
    bearer: Option<Bearer>,
}

/// A token for the JSON documents of one server.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// The token.
    pub token: Current<SecretString>,
    /// The server's address. Documents on other servers are read without the token.
    pub server: Url,
}

/// The client cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS: {0}")]
pub struct OauthHttpError(#[from] reqwest::Error);

impl OauthHttp {
    /// Trusts the system's certificate authorities and those in `extra_authorities` (PEM).
    ///
    /// # Errors
    ///
    /// [`OauthHttpError`] if the PEM cannot be parsed or the system has no authorities.
    pub fn new(extra_authorities: Current<Option<Vec<u8>>>) -> Result<Self, OauthHttpError> {
        Ok(Self {
            clients: Arc::new(Derived::new(extra_authorities, client)?),
            calls: UpstreamCalls::default(),
            upstream: Upstream::Discovery,
            bearer: None,
        })
    }

    /// Tells of every request.
    #[must_use]
    pub fn observed_by(self, calls: UpstreamCalls) -> Self {
        Self { calls, ..self }
    }

    /// Sends this token when metadata and keys are read from its server.
    #[must_use]
    pub fn with_bearer(self, bearer: Option<Bearer>) -> Self {
        Self { bearer, ..self }
    }

    /// Counts requests as ones to this upstream.
    #[must_use]
    pub fn to(self, upstream: Upstream) -> Self {
        Self { upstream, ..self }
    }

    pub(super) fn upstream(&self) -> Upstream {
        self.upstream
    }

    /// Sends the request, and retries it once after a transport error, 429 or 5xx, but never after a
    /// timeout (docs/call.md).
    ///
    /// A connection that a firewall has dropped looks like a slow server. After a timeout or a broken
    /// connection, the idle connections are therefore dropped, and the next request opens a new one.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`] if no answer comes, or one longer than `max_bytes`.
    pub async fn send(
        &self,
        request: HttpRequest,
        max_bytes: usize,
    ) -> Result<HttpResponse, UpstreamError> {
        let first = self.attempt(request.clone(), max_bytes).await;
        let retry = match &first {
            Ok(answer) => may_be_temporary(answer.status()),
            Err(failure) => failure.kind == UpstreamErrorKind::Unreachable,
        };
        if retry {
            self.attempt(request, max_bytes).await
        } else {
            first
        }
    }

    /// The server's clock (RFC 9110 section 6.6.1), from an answer with any status.
    pub(crate) async fn date(&self, url: &Url) -> Result<Option<DateTime<Utc>>, UpstreamError> {
        let request = openidconnect::http::Request::builder()
            .uri(url.as_str())
            .body(Vec::new())
            .map_err(|_| {
                UpstreamError::new(UpstreamErrorKind::Nonsense, "the URL cannot be requested")
            })?;
        let answer = self.send(request, MAX_PAGE_BYTES).await?;
        let date = answer.headers().get("date");
        Ok(http_date(date.and_then(|date| date.to_str().ok())))
    }

    /// Reads a JSON document. An error names the URL.
    pub(super) async fn get_json(
        &self,
        url: &Url,
        max_bytes: usize,
    ) -> Result<StrictObject, UpstreamError> {
        let read = self.get_json_at(url, max_bytes).await;
        read.map_err(|failure| failure.at(url))
    }

    /// The same, but errors do not name the URL.
    pub(super) async fn get_json_at(
        &self,
        url: &Url,
        max_bytes: usize,
    ) -> Result<StrictObject, UpstreamError> {
        let mut request = openidconnect::http::Request::builder()
            .method(Method::GET)
            .uri(url.as_str())
            .header("accept", ACCEPT);
        if let Some(bearer) = &self.bearer
            && bearer.server.origin() == url.origin()
        {
            let header = authorization(&bearer.token.borrow())?;
            request = request.header("authorization", header);
        }
        let request = request.body(Vec::new()).map_err(|_| {
            UpstreamError::new(UpstreamErrorKind::Nonsense, "the URL cannot be requested")
        })?;
        let answer = self.send(request, max_bytes).await?;
        if answer.status() != StatusCode::OK {
            let cause = format!("the answer is {}", answer.status());
            return Err(UpstreamError::new(UpstreamErrorKind::Unreachable, cause));
        }
        StrictObject::from_slice(answer.body()).map_err(|_| {
            let cause = "the answer is not a JSON object";
            UpstreamError::new(UpstreamErrorKind::Nonsense, cause)
        })
    }

    async fn attempt(
        &self,
        request: HttpRequest,
        max_bytes: usize,
    ) -> Result<HttpResponse, UpstreamError> {
        let request =
            reqwest::Request::try_from(request).map_err(|error| upstream_error(&error))?;
        let (client, version) = self.clients.get_with_version();
        let mut guard = PoolGuard {
            clients: Arc::clone(&self.clients),
            version,
            sent_at: Instant::now(),
            has_ended: false,
        };
        let call = self.calls.begin(self.upstream, request.method().clone());
        let answer = read(&client, request, max_bytes).await;
        guard.has_ended = true;
        let is_suspect = answer.as_ref().is_err_and(ReadError::is_suspect);
        let answer = answer.map_err(|error| error.describe(max_bytes));
        let status = answer.as_ref().map(|answer| answer.status().as_u16());
        call.ended(status.map_err(|failure| CallFailure::of(failure.kind)));
        if is_suspect {
            let _ = guard.renew().await;
            // Another request may be renewing the pool already: the retry needs the new one.
            self.clients.renewal_ended().await;
        }
        answer
    }
}

fn authorization(bearer: &SecretString) -> Result<HeaderValue, UpstreamError> {
    let header = HeaderValue::try_from(format!("Bearer {}", bearer.expose_secret()));
    let mut header = header.map_err(|_| {
        UpstreamError::new(
            UpstreamErrorKind::Nonsense,
            "the bearer token is no header's value",
        )
    })?;
    header.set_sensitive(true);
    Ok(header)
}

type Clients = Derived<Option<Vec<u8>>, reqwest::Client, OauthHttpError>;

/// Replaces the connection pool if a request is dropped before its answer comes: the pool's connections
/// may be dead.
struct PoolGuard {
    clients: Arc<Clients>,
    version: u64,
    sent_at: Instant,
    /// Stays false if the request is dropped because its caller ran out of time.
    has_ended: bool,
}

impl PoolGuard {
    /// Makes a new client on the blocking thread pool, because reading the system's certificate
    /// authorities takes long.
    fn renew(&self) -> JoinHandle<()> {
        let (clients, version) = (Arc::clone(&self.clients), self.version);
        tokio::task::spawn_blocking(move || clients.renew(version, MIN_POOL_AGE))
    }
}

impl Drop for PoolGuard {
    fn drop(&mut self) {
        if !self.has_ended && self.sent_at.elapsed() >= UNACKNOWLEDGED_TIMEOUT {
            self.renew();
        }
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

#[expect(
    clippy::ref_option,
    reason = "`Derived` passes a reference to its value"
)]
fn client(extra_authorities: &Option<Vec<u8>>) -> Result<reqwest::Client, OauthHttpError> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        // A proxy from the environment would see tokens that are sent to a loopback address.
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

/// Parses a date in the form that servers must send (RFC 9110 section 5.6.7).
pub(crate) fn http_date(header: Option<&str>) -> Option<DateTime<Utc>> {
    let date = DateTime::parse_from_rfc2822(header?).ok()?;
    Some(date.with_timezone(&Utc))
}

fn may_be_temporary(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

#[cfg(test)]
mod tests;
