use std::error::Error;
use std::io;
use std::time::Duration;

use openidconnect::http::Response;
use openidconnect::{HttpRequest, HttpResponse};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use crate::adapters::plain_http;

const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest answer read, in bytes.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Sends requests over verified TLS. It follows no redirects, reads limited answers and retries nothing: a
/// refresh token is good once.
#[derive(Clone, Debug)]
pub struct Http(reqwest::Client);

/// A gateway's answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: String,
}

/// There is no answer, or none that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The request cannot be sent.
    #[error("the token is not valid")]
    Request,
    /// Nothing came in time.
    #[error("no answer in time")]
    Timeout,
    /// There was no connection, or it broke off.
    #[error("no answer")]
    NoAnswer,
    /// The other side has no certificate that is good for it, or speaks no TLS.
    #[error(
        "no secure connection: its certificate is not trusted here (--ca-file names more authorities), or \
         it has none"
    )]
    Tls,
    /// The answer is longer than any that makes sense.
    #[error("the answer is too long: is this the right address?")]
    TooLong,
    /// The answer is not text.
    #[error("the answer is not text: is this the right address?")]
    NotText,
}

/// A JSON document cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DocumentError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the answer is {0}")]
    Status(StatusCode),
    #[error("the answer is not what it must be")]
    Unfit,
}

impl Http {
    /// Trusts the system's certificate authorities and these (PEM).
    ///
    /// # Errors
    ///
    /// When TLS cannot be set up.
    pub fn new(authorities: Option<&[u8]>) -> Result<Self, reqwest::Error> {
        plain_http(authorities).map(Self)
    }

    /// Asks a gateway, with this token.
    ///
    /// # Errors
    ///
    /// [`HttpError`]; an answer with any status is none.
    pub async fn ask(
        &self,
        method: Method,
        url: Url,
        token: &SecretString,
    ) -> Result<Reply, HttpError> {
        let request = self.0.request(method, url);
        let request = request.bearer_auth(token.expose_secret()).timeout(TIMEOUT);
        let (status, body) = read(request.send().await.map_err(kind)?).await?;
        let body = String::from_utf8(body).map_err(|_| HttpError::NotText)?;
        Ok(Reply { status, body })
    }

    /// Sends a request of the OAuth client.
    pub(super) async fn send(self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut request = reqwest::Request::try_from(request).map_err(|_| HttpError::Request)?;
        *request.timeout_mut() = Some(TIMEOUT);
        let answer = self.0.execute(request).await.map_err(kind)?;
        let headers = answer.headers().clone();
        let (status, body) = read(answer).await?;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }

    /// Reads a JSON document.
    pub(super) async fn get_json<T: DeserializeOwned>(
        &self,
        url: &Url,
    ) -> Result<T, DocumentError> {
        let request = self.0.get(url.clone()).timeout(TIMEOUT);
        let answer = request.header("accept", "application/json").send().await;
        let (status, body) = read(answer.map_err(kind)?).await?;
        if status != StatusCode::OK {
            return Err(DocumentError::Status(status));
        }
        serde_json::from_slice(&body).map_err(|_| DocumentError::Unfit)
    }
}

async fn read(mut answer: reqwest::Response) -> Result<(StatusCode, Vec<u8>), HttpError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(kind)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(HttpError::TooLong);
        }
    }
    Ok((answer.status(), body))
}

fn kind(error: reqwest::Error) -> HttpError {
    match error {
        error if error.is_builder() => HttpError::Request,
        error if error.is_timeout() => HttpError::Timeout,
        error if is_of_tls(&error) => HttpError::Tls,
        _ => HttpError::NoAnswer,
    }
}

fn is_of_tls(error: &(dyn Error + 'static)) -> bool {
    if error.is::<rustls::Error>() {
        return true;
    }
    // The source of an I/O error is that of the error in it.
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match inner {
        Some(inner) => is_of_tls(inner),
        None => error.source().is_some_and(is_of_tls),
    }
}
