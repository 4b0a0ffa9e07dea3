use hyper::StatusCode;

/// An error as STS and IAM write it.
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

    /// 400 with this code.
    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// `ValidationError`
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::bad("ValidationError", message)
    }

    /// 403 with this code.
    pub(crate) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// A failure of the store itself, for the log; the client learns nothing of it.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
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
