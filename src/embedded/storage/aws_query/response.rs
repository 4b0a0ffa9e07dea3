use chrono::{DateTime, SecondsFormat, Utc};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use maud::{Markup, html};
use s3s::{Body, HttpResponse};

use super::QueryError;

/// What is in the result element of a call. Some actions have none.
pub(crate) type CallResult = Result<Option<Markup>, QueryError>;

/// The response to a call of this action.
pub(crate) fn respond(
    namespace: &str,
    action: &str,
    result: CallResult,
    request_id: &str,
) -> HttpResponse {
    let (status, xml) = match result {
        Ok(result) => (
            StatusCode::OK,
            success(namespace, action, result, request_id),
        ),
        Err(error) => {
            let xml = failure(namespace, &error, request_id).into_string();
            (error.status, xml)
        }
    };
    let mut response = HttpResponse::new(Body::from(xml));
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("text/xml");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

fn success(namespace: &str, action: &str, result: Option<Markup>, request_id: &str) -> String {
    let result = result.map_or_else(String::new, |result| {
        format!("<{action}Result>{}</{action}Result>", result.0)
    });
    let metadata = html! { ResponseMetadata { RequestId { (request_id) } } }.0;
    format!("<{action}Response xmlns=\"{namespace}\">{result}{metadata}</{action}Response>")
}

fn failure(namespace: &str, error: &QueryError, request_id: &str) -> Markup {
    html! {
        ErrorResponse xmlns=(namespace) {
            Error {
                Type { @if error.status.is_server_error() { "Receiver" } @else { "Sender" } }
                Code { (error.code) }
                Message { (error.message) }
            }
            RequestId { (request_id) }
        }
    }
}

/// A time as both services write it.
pub(crate) fn date(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
