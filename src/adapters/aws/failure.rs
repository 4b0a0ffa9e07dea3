use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::service::{UpstreamError, UpstreamErrorKind};

use super::transport::is_too_long;

/// A longer value is not an error code.
const MAX_CODE_CHARS: usize = 64;

/// Classifies an SDK's error and describes it by operation, error code and status. The store's own
/// text never enters logs or answers.
pub(super) fn describe<E: ProvideErrorMetadata>(
    operation: &str,
    error: &SdkError<E, HttpResponse>,
) -> UpstreamError {
    let (kind, what) = match error {
        SdkError::TimeoutError(_) => (UpstreamErrorKind::Timeout, "no answer in time".to_owned()),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => (
            UpstreamErrorKind::Timeout,
            "no connection in time".to_owned(),
        ),
        SdkError::DispatchFailure(failure) if failure.is_io() => (
            UpstreamErrorKind::Unreachable,
            "cannot connect, or the connection broke".to_owned(),
        ),
        SdkError::DispatchFailure(failure)
            if failure.as_connector_error().is_some_and(is_too_long) =>
        {
            (
                UpstreamErrorKind::Nonsense,
                "the answer is too long".to_owned(),
            )
        }
        SdkError::DispatchFailure(_) => (
            UpstreamErrorKind::Refused,
            "cannot send the request: check the gateway's key pair".to_owned(),
        ),
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let code = code(error).unwrap_or("no error code");
            (kind_of(status, code), format!("{code} (HTTP {status})"))
        }
        SdkError::ResponseError(_) => (
            UpstreamErrorKind::Nonsense,
            "the answer is not S3".to_owned(),
        ),
        _ => (
            UpstreamErrorKind::Refused,
            "cannot build the request".to_owned(),
        ),
    };
    UpstreamError::new(kind, format!("{operation}: {what}"))
}

/// The error code, if it looks like one.
pub(super) fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    let code = error.as_service_error()?.code()?;
    let is_code = code.len() <= MAX_CODE_CHARS
        && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    is_code.then_some(code)
}

/// The answer's status, if an answer came.
pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

fn kind_of(status: u16, code: &str) -> UpstreamErrorKind {
    match (status, code) {
        (_, "Throttling" | "ThrottlingException" | "SlowDown" | "RequestLimitExceeded")
        | (429 | 500.., _) => UpstreamErrorKind::Unreachable,
        (400..=499, _) => UpstreamErrorKind::Refused,
        _ => UpstreamErrorKind::Nonsense,
    }
}
