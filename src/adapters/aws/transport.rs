use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient as SdkHttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use http::Method;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper_util::client::legacy;
use tokio::time::Instant;
use tokio::time::error::Elapsed;

use crate::adapters::{CallFailure, Current, Derived, Upstream, UpstreamCalls, check_authorities};

use super::AuthoritiesError;
use super::pools::{HttpClient, Pools};
use super::whole::is_whole;

/// The longest answer read, in bytes; ordinary answers are far shorter.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The longest list of buckets read, in bytes: some stores send it in one page.
const MAX_LISTING_BYTES: usize = 16 * 1024 * 1024;

/// A request that is dropped after waiting this long may have been sent over a dead connection.
const SUSPECT_AFTER: Duration = Duration::from_secs(1);

/// The SDKs' HTTP client. It reads each answer to its end within the attempt's timeout, and drops the
/// connection if the answer exceeds a limit.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    pools: Arc<Derived<Option<Vec<u8>>, Arc<Pools>, AuthoritiesError>>,
    pooled: bool,
    max_answer: usize,
    calls: UpstreamCalls,
    upstream: Upstream,
}

/// A [`Transport`]'s connector for one request.
struct Connector {
    pools: Arc<Pools>,
    pooled: bool,
    max_answer: usize,
    read_timeout: Option<Duration>,
    calls: UpstreamCalls,
    upstream: Upstream,
}

/// A request over a pooled connection that waits for its answer.
struct Pending {
    pools: Arc<Pools>,
    generation: u64,
    since: Instant,
    answered: bool,
}

impl Transport {
    /// Trusts the system's certificate authorities and the given ones (PEM).
    pub(super) fn new(
        authorities: Current<Option<Vec<u8>>>,
        calls: UpstreamCalls,
    ) -> Result<Self, AuthoritiesError> {
        Ok(Self {
            pools: Arc::new(Derived::new(authorities, pools)?),
            pooled: true,
            max_answer: MAX_ANSWER_BYTES,
            calls,
            upstream: Upstream::Identity,
        })
    }

    /// Counts requests as ones to this upstream.
    pub(super) fn to(&self, upstream: Upstream) -> Self {
        Self {
            upstream,
            ..self.clone()
        }
    }

    /// Opens a new connection for each request, for rare or slow requests: a pooled connection may be
    /// dead.
    pub(super) fn unpooled(&self) -> Self {
        Self {
            pooled: false,
            ..self.clone()
        }
    }

    /// Reads answers up to the limit for lists of buckets.
    pub(super) fn for_listings(&self) -> Self {
        Self {
            max_answer: MAX_LISTING_BYTES,
            ..self.clone()
        }
    }
}

impl SdkHttpClient for Transport {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            pools: self.pools.get(),
            pooled: self.pooled,
            max_answer: self.max_answer,
            read_timeout: settings.read_timeout(),
            calls: self.calls.clone(),
            upstream: self.upstream,
        })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (client, pending) = if self.pooled && !is_retry(&request) {
            let pooled = self.pools.pooled();
            let pending = Pending::new(Arc::clone(&self.pools), pooled.generation);
            (pooled.client, Some(pending))
        } else {
            (self.pools.unpooled(), None)
        };
        let method = Method::from_bytes(request.method().as_bytes()).unwrap_or_default();
        let call = self.calls.begin(self.upstream, method);
        let (max_answer, read_timeout) = (self.max_answer, self.read_timeout);
        HttpConnectorFuture::new(async move {
            let answer = exchange(client, request, max_answer);
            let answer = match read_timeout {
                Some(limit) => tokio::time::timeout(limit, answer)
                    .await
                    .unwrap_or_else(|late| Err(ConnectorError::timeout(late.into()))),
                None => answer.await,
            };
            if let Some(pending) = pending {
                pending.ended(&answer);
            }
            let status = answer.as_ref().map(|answer| answer.status().as_u16());
            call.ended(status.map_err(failure));
            answer
        })
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl Pending {
    fn new(pools: Arc<Pools>, generation: u64) -> Self {
        Self {
            pools,
            generation,
            since: Instant::now(),
            answered: false,
        }
    }

    /// Renews the pools if the connection broke: the others may be broken too.
    fn ended<T>(mut self, answer: &Result<T, ConnectorError>) {
        self.answered = true;
        if answer.as_ref().is_err_and(ConnectorError::is_io) {
            self.pools.renew(self.generation);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.answered && self.since.elapsed() >= SUSPECT_AFTER {
            self.pools.renew(self.generation);
        }
    }
}

/// Whether the SDK sends this request for the second time, by its header (`attempt=2; max=2`). A retry
/// gets a new connection: the fault that broke the first one may have broken all pooled ones.
fn is_retry(request: &HttpRequest) -> bool {
    let attempts = request.headers().get("amz-sdk-request").unwrap_or_default();
    let mut fields = attempts.split(';').map(str::trim);
    fields.any(|field| field.starts_with("attempt=") && field != "attempt=1")
}

#[expect(
    clippy::ref_option,
    reason = "`Derived` passes a reference to its value"
)]
fn pools(authorities: &Option<Vec<u8>>) -> Result<Arc<Pools>, AuthoritiesError> {
    if let Some(pem) = authorities {
        check_authorities(pem).map_err(AuthoritiesError)?;
    }
    Pools::new(authorities.as_deref()).map(Arc::new)
}

async fn exchange(
    client: HttpClient,
    request: HttpRequest,
    max_answer: usize,
) -> Result<HttpResponse, ConnectorError> {
    let request = request
        .try_into_http1x()
        .map_err(|error| ConnectorError::user(error.into()))?;
    let answer = client.request(request).await.map_err(connector_error)?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, max_answer).collect().await;
    let body = body.map_err(body_error)?.to_bytes();
    if head.status.is_success() && !is_whole(&body) {
        let cut_off = io::Error::new(io::ErrorKind::UnexpectedEof, "the answer was cut off");
        return Err(ConnectorError::io(cut_off.into()));
    }
    HttpResponse::try_from(http::Response::from_parts(head, SdkBody::from(body)))
        .map_err(|error| ConnectorError::other(error.into(), None))
}

pub(super) fn connector_error(error: legacy::Error) -> ConnectorError {
    if caused_by::<Elapsed>(&error) || error.is_connect() && timed_out(&error) {
        ConnectorError::timeout(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

fn body_error(error: BoxError) -> ConnectorError {
    if error.is::<LengthLimitError>() {
        ConnectorError::other(error, None)
    } else {
        ConnectorError::io(error)
    }
}

fn failure(error: &ConnectorError) -> CallFailure {
    if error.is_timeout() {
        CallFailure::Timeout
    } else if error.is_io() {
        CallFailure::Connection
    } else {
        CallFailure::Answer
    }
}

/// Whether a request failed because its answer exceeds the limit.
pub(super) fn is_too_long(error: &ConnectorError) -> bool {
    caused_by::<LengthLimitError>(error)
}

/// Whether hyper or the operating system reports a timeout.
fn timed_out(error: &(dyn Error + 'static)) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

fn caused_by<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(<dyn Error>::is::<E>)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
