use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use quick_xml::escape::escape;
use s3s::{Body, HttpResponse};
use serde::Serialize;

use super::QueryError;

/// What a call comes to: the element of its result, where it has one.
pub(crate) type CallResult = Result<Option<String>, QueryError>;

/// One element; whatever is in it is escaped.
pub(crate) fn element(name: &str, value: &impl Serialize) -> CallResult {
    let xml = quick_xml::se::to_string_with_root(name, value).map_err(QueryError::internal)?;
    Ok(Some(xml))
}

/// The answer to a call of this action.
pub(crate) fn respond(
    namespace: &str,
    action: &str,
    result: CallResult,
    request_id: &str,
) -> HttpResponse {
    match result {
        Ok(result) => {
            let result = result.unwrap_or_default();
            xml(
                StatusCode::OK,
                format!(
                    "<{action}Response xmlns=\"{namespace}\">{result}\
                     <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\
                     </{action}Response>"
                ),
            )
        }
        Err(error) => xml(error.status, error_xml(namespace, &error, request_id)),
    }
}

fn error_xml(namespace: &str, error: &QueryError, request_id: &str) -> String {
    let QueryError {
        status,
        code,
        message,
    } = error;
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

fn xml(status: StatusCode, xml: String) -> HttpResponse {
    let mut response = HttpResponse::new(Body::from(xml));
    *response.status_mut() = status;
    let xml = HeaderValue::from_static("text/xml");
    response.headers_mut().insert(CONTENT_TYPE, xml);
    response
}
