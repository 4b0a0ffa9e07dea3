use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use openidconnect::http::{Method, StatusCode};
use openidconnect::{HttpRequest, HttpResponse};
use url::Url;

use crate::adapters::{Current, Derived};
use crate::service::{FailureKind, UpstreamFailure};

use super::strict_json::StrictObject;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The longest page read for nothing but its date.
const MAX_PAGE_BYTES: usize = 1024 * 1024;
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(2_500);

/// The HTTP client for authorization servers: verified TLS, no redirects, bounded answers, one
/// retry where an answer may come of it.
#[derive(Clone, Debug)]
pub struct OauthHttp(Arc<Derived<Option<Vec<u8>>, reqwest::Client, OauthHttpError>>);

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
    /// (contract section 8).
    ///
    /// # Errors
    ///
    /// [`UpstreamFailure`] when no answer came, or one longer than `max_bytes`.
    pub async fn send(
        &self,
        request: HttpRequest,
        max_bytes: usize,
    ) -> Result<HttpResponse, UpstreamFailure> {
        let first = self.attempt(request.clone(), max_bytes).await;
        let again = match &first {
            Ok(answer) => is_worth_another_try(answer.status()),
            Err(failure) => failure.kind == FailureKind::Unreachable,
        };
        if again {
            self.attempt(request, max_bytes).await
        } else {
            first
        }
    }

    /// What time it is there (RFC 9110 section 6.6.1); any answer may tell.
    pub(crate) async fn date(&self, url: &Url) -> Result<Option<DateTime<Utc>>, UpstreamFailure> {
        let request = openidconnect::http::Request::builder()
            .uri(url.as_str())
            .body(Vec::new())
            .map_err(|_| UpstreamFailure::new(FailureKind::Nonsense, "no address to ask"))?;
        let answer = self.send(request, MAX_PAGE_BYTES).await?;
        let date = answer.headers().get("date");
        Ok(http_date(date.and_then(|date| date.to_str().ok())))
    }

    /// Reads a JSON document.
    pub(super) async fn get_json(
        &self,
        url: &Url,
        max_bytes: usize,
    ) -> Result<StrictObject, UpstreamFailure> {
        let request = openidconnect::http::Request::builder()
            .method(Method::GET)
            .uri(url.as_str())
            .header("accept", "application/json")
            .body(Vec::new())
            .map_err(|_| UpstreamFailure::new(FailureKind::Nonsense, "no address to read from"))?;
        let answer = self.send(request, max_bytes).await?;
        if answer.status() != StatusCode::OK {
            let cause = format!("{url} answers {}", answer.status());
            return Err(UpstreamFailure::new(FailureKind::Unreachable, cause));
        }
        StrictObject::from_slice(answer.body()).map_err(|_| {
            let cause = format!("{url} answers with something that is no JSON object");
            UpstreamFailure::new(FailureKind::Nonsense, cause)
        })
    }

    async fn attempt(
        &self,
        request: HttpRequest,
        max_bytes: usize,
    ) -> Result<HttpResponse, UpstreamFailure> {
        let request = reqwest::Request::try_from(request).map_err(|error| failed(&error))?;
        let client = self.0.get();
        let mut answer = client
            .execute(request)
            .await
            .map_err(|error| failed(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&error))? {
            if body.len() + chunk.len() > max_bytes {
                let cause = format!("the answer is longer than {max_bytes} bytes");
                return Err(UpstreamFailure::new(FailureKind::Nonsense, cause));
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = HttpResponse::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        Ok(response)
    }
}

#[expect(clippy::ref_option, reason = "what `Derived` hands out")]
fn client(extra_authorities: &Option<Vec<u8>>) -> Result<reqwest::Client, OauthHttpError> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        // A proxy from the environment would see tokens meant for a loopback address.
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ATTEMPT_TIMEOUT)
        .tcp_nodelay(true);
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
fn failed(error: &reqwest::Error) -> UpstreamFailure {
    let (kind, cause) = if error.is_timeout() {
        (FailureKind::Timeout, "no answer in time")
    } else if error.is_connect() {
        (FailureKind::Unreachable, "no connection")
    } else {
        (FailureKind::Unreachable, "the connection broke off")
    };
    UpstreamFailure::new(kind, cause)
}
