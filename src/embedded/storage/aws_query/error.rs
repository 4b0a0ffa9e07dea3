use std::fmt::Display;

use hyper::StatusCode;

/// An error of STS or IAM.
#[derive(Debug)]
pub(crate) struct QueryError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl QueryError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            status,
            code,
            message,
        }
    }

    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::bad_request("ValidationError", message)
    }

    pub(crate) fn malformed_policy() -> Self {
        Self::bad_request("MalformedPolicyDocument", "Syntax errors in policy.")
    }

    /// Logs a failure of the store. The client only learns that there was one.
    pub(crate) fn internal(error: impl Display) -> Self {
        tracing::warn!(%error, "the embedded store failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceFailure",
            "The store failed.",
        )
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> (u16, &'static str) {
        (self.status.as_u16(), self.code)
    }
}
