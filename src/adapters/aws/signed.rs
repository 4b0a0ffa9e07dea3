//! Signed requests to the administrative APIs of Ceph and `MinIO`, for which there is no SDK.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::{Method, StatusCode};

use crate::service::{UpstreamError, UpstreamErrorKind};

const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest answer read, in bytes.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// An HTTP client that signs requests with AWS Signature Version 4 for the service `s3`.
#[derive(Clone, Debug)]
pub(super) struct SignedHttp {
    http: reqwest::Client,
    region: String,
}

impl SignedHttp {
    pub(super) fn new(http: reqwest::Client, region: &str) -> Self {
        Self {
            http,
            region: region.to_owned(),
        }
    }

    /// Sends a request and reads the answer, with any status.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &str,
        body: Vec<u8>,
        credentials: Credentials,
    ) -> Result<(StatusCode, Vec<u8>), UpstreamError> {
        let headers = self.signature(&method, url, &body, credentials)?;
        let mut request = self.http.request(method, url).body(body).timeout(TIMEOUT);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut answer = request.send().await.map_err(|error| no_answer(&error))?;
        let mut read = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| no_answer(&error))? {
            if read.len() + chunk.len() > MAX_ANSWER_BYTES {
                let cause = "the answer is too long";
                return Err(UpstreamError::new(UpstreamErrorKind::Nonsense, cause));
            }
            read.extend_from_slice(&chunk);
        }
        Ok((answer.status(), read))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the store checks the signature against real time, not against the port's"
    )]
    fn signature(
        &self,
        method: &Method,
        url: &str,
        body: &[u8],
        credentials: Credentials,
    ) -> Result<Vec<(String, String)>, UpstreamError> {
        let identity = credentials.into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .map_err(|_| unsignable())?;
        let body = SignableBody::Bytes(body);
        let request = SignableRequest::new(method.as_str(), url, [].into_iter(), body)
            .map_err(|_| unsignable())?;
        let signed = sign(request, &parameters.into()).map_err(|_| unsignable())?;
        let (headers, _) = signed.into_parts().0.into_parts();
        let headers = headers.iter();
        let headers = headers.map(|header| (header.name().to_owned(), header.value().to_owned()));
        Ok(headers.collect())
    }
}

fn unsignable() -> UpstreamError {
    UpstreamError::new(UpstreamErrorKind::Refused, "cannot sign the request")
}

fn no_answer(error: &reqwest::Error) -> UpstreamError {
    let kind = if error.is_timeout() {
        UpstreamErrorKind::Timeout
    } else {
        UpstreamErrorKind::Unreachable
    };
    UpstreamError::new(kind, "no answer, or the connection broke")
}
