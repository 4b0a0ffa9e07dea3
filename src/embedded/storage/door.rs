use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::{Request, StatusCode};
use s3s::service::S3Service;
use s3s::{Body, HttpError, HttpResponse, S3Error, S3ErrorCode};

use super::errors;
use super::query::Query;
use super::request_log::RequestLine;
use super::unread::{self, ReadToItsEnd};

/// AWS's answer in regions without Signature Version 2, and what to do about it.
const SIGNATURE_VERSION_2: &str = "The authorization mechanism you have provided is not supported. \
     Please use AWS4-HMAC-SHA256 (Signature Version 4). \
     With boto3: Config(signature_version=\"s3v4\")";

/// Tells calls of the query API from those of S3, and logs both.
pub(super) struct Door {
    s3: S3Service,
    query: Query,
}

impl Door {
    pub(super) fn new(s3: S3Service, query: Query) -> Self {
        Self { s3, query }
    }

    pub(super) async fn serve(
        &self,
        request: Request<Incoming>,
    ) -> Result<HttpResponse, HttpError> {
        let line = RequestLine::begin(&request);
        let mut response = self.answer(request).await?;
        let code = errors::complete(&mut response);
        line.log(response.status(), code.as_deref());
        Ok(response)
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<HttpResponse, HttpError> {
        if Query::is_call(&request) {
            return Ok(self.query.answer(request).await);
        }
        if unread::waits(&request) {
            let mut response = self.s3(request.map(Body::from)).await?;
            if !response.status().is_success() {
                unread::close(&mut response);
            }
            return Ok(response);
        }
        let request = request.map(|body| Body::http_body_unsync(ReadToItsEnd::new(body)));
        self.s3(request).await
    }

    async fn s3(&self, request: Request<Body>) -> Result<HttpResponse, HttpError> {
        if has_signature_version_2(&request) {
            let mut error = S3Error::with_message(S3ErrorCode::InvalidRequest, SIGNATURE_VERSION_2);
            error.set_status_code(StatusCode::BAD_REQUEST);
            let answer = error.to_http_response();
            return answer.map_err(|error| HttpError::new(Box::new(error)));
        }
        self.s3.call(request).await
    }
}

/// In a presigned URL or in a header.
fn has_signature_version_2<B>(request: &Request<B>) -> bool {
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let mut names = url::form_urlencoded::parse(query).map(|(name, _)| name);
    let header = request.headers().get(AUTHORIZATION);
    names.any(|name| name == "AWSAccessKeyId")
        || header.is_some_and(|value| value.as_bytes().starts_with(b"AWS "))
}
