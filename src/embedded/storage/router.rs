use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::{Request, StatusCode};
use s3s::service::S3Service;
use s3s::{Body, HttpError, HttpResponse, S3Error, S3ErrorCode};

use super::request_body::{self, DrainedBody};
use super::request_log::RequestLine;
use super::s3::{Cors, CorsRequest, complete_error};
use super::sts_and_iam::StsAndIam;

/// AWS's message in regions without Signature Version 2, and what to do about it.
const SIGNATURE_VERSION_2: &str = "The authorization mechanism you have provided is not supported. \
     Please use AWS4-HMAC-SHA256 (Signature Version 4). \
     With boto3: Config(signature_version=\"s3v4\")";

/// Sends each request to S3 or to STS and IAM, and logs it.
pub(super) struct Router {
    s3: S3Service,
    cors: Cors,
    sts_and_iam: StsAndIam,
}

impl Router {
    pub(super) fn new(s3: S3Service, cors: Cors, sts_and_iam: StsAndIam) -> Self {
        Self {
            s3,
            cors,
            sts_and_iam,
        }
    }

    pub(super) async fn serve(
        &self,
        request: Request<Incoming>,
    ) -> Result<HttpResponse, HttpError> {
        let line = RequestLine::begin(&request);
        let mut response = self.answer_page(request).await?;
        let code = complete_error(&mut response);
        line.log(response.status(), code.as_deref());
        Ok(response)
    }

    /// Answers with the headers that let a web page of another origin read it, if it may.
    async fn answer_page(&self, request: Request<Incoming>) -> Result<HttpResponse, HttpError> {
        let Some(cors_request) = CorsRequest::read(&request) else {
            return self.answer(request).await;
        };
        if cors_request.is_preflight() {
            return self.cors.answer(&cors_request).await;
        }
        let mut response = self.answer(request).await?;
        let granted = self.cors.granted(&cors_request).await;
        response.headers_mut().extend(granted.unwrap_or_default());
        Ok(response)
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<HttpResponse, HttpError> {
        if StsAndIam::is_call(&request) {
            return Ok(self.sts_and_iam.answer(request).await);
        }
        if request_body::expects_continue(&request) {
            let mut response = self.s3(request.map(Body::from)).await?;
            if !response.status().is_success() {
                request_body::close_connection(&mut response);
            }
            return Ok(response);
        }
        let request = request.map(|body| Body::http_body_unsync(DrainedBody::new(body)));
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

/// Whether the request is signed with version 2, in a presigned URL or in a header.
fn has_signature_version_2<B>(request: &Request<B>) -> bool {
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let mut names = url::form_urlencoded::parse(query).map(|(name, _)| name);
    let header = request.headers().get(AUTHORIZATION);
    names.any(|name| name == "AWSAccessKeyId")
        || header.is_some_and(|value| value.as_bytes().starts_with(b"AWS "))
}
