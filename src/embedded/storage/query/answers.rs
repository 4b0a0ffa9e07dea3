use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use quick_xml::escape::escape;
use s3s::{Body, HttpResponse};
use serde::Serialize;

use super::Api;

/// What a call comes to: the element of its result, where it has one.
pub(in crate::embedded::storage) type Outcome = Result<Option<String>, Refusal>;

/// An error as STS and IAM write it.
#[derive(Debug)]
pub(in crate::embedded::storage) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(in crate::embedded::storage) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let message = message.into();
        Self {
            status,
            code,
            message,
        }
    }

    /// 400 with this code.
    pub(in crate::embedded::storage) fn bad(
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// `ValidationError`
    pub(in crate::embedded::storage) fn invalid(message: impl Into<String>) -> Self {
        Self::bad("ValidationError", message)
    }

    /// 403 with this code.
    pub(in crate::embedded::storage) fn forbidden(
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// A failure of the store itself, for the log; the client learns nothing of it.
    pub(in crate::embedded::storage) fn internal(error: impl std::fmt::Display) -> Self {
        tracing::warn!(%error, "the embedded store failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceFailure",
            "The store failed.",
        )
    }

    #[cfg(test)]
    pub(in crate::embedded::storage) fn code(&self) -> (u16, &'static str) {
        (self.status.as_u16(), self.code)
    }
}

/// One element; whatever is in it is escaped.
pub(in crate::embedded::storage) fn element(name: &str, value: &impl Serialize) -> Outcome {
    let xml = quick_xml::se::to_string_with_root(name, value).map_err(Refusal::internal)?;
    Ok(Some(xml))
}

/// The answer to a call of this action.
pub(super) fn answer(api: Api, action: &str, outcome: Outcome, request_id: &str) -> HttpResponse {
    let namespace = api.namespace();
    match outcome {
        Ok(result) => {
            let result = result.unwrap_or_default();
            respond(
                StatusCode::OK,
                format!(
                    "<{action}Response xmlns=\"{namespace}\">{result}\
                     <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\
                     </{action}Response>"
                ),
            )
        }
        Err(refusal) => respond(refusal.status, failure(namespace, &refusal, request_id)),
    }
}

fn failure(namespace: &str, refusal: &Refusal, request_id: &str) -> String {
    let Refusal {
        status,
        code,
        message,
    } = refusal;
    let at_fault = if status.is_server_error() {
        "Receiver"
    } else {
        "Sender"
    };
    let message = escape(message);
    format!(
        "<ErrorResponse xmlns=\"{namespace}\">\
         <Error><Type>{at_fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>"
    )
}

fn respond(status: StatusCode, xml: String) -> HttpResponse {
    let mut response = HttpResponse::new(Body::from(xml));
    *response.status_mut() = status;
    let xml = HeaderValue::from_static("text/xml");
    response.headers_mut().insert(CONTENT_TYPE, xml);
    response
}
