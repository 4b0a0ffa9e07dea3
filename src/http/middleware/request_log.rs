use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::ConnectionType;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse, web};
use futures_util::FutureExt;

use crate::service::Refusal;

use crate::http::health;
use crate::http::input::client_address::client_address;
use crate::http::middleware::seen::Seen;
use crate::http::problems::problem;
use crate::http::state::Gateway;

/// The longest cause in the log, in bytes: one may quote the database.
const MAX_CAUSE: usize = 500;

/// The longest method in the log, in bytes: any token is one (RFC 9110 section 9.1).
const MAX_METHOD: usize = 32;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Around every route: names the request, keeps the answer out of caches, turns a panic into an
/// internal error, writes one line into the log. Health checks that pass are logged at `debug` only:
/// they come every few seconds and say the same.
///
/// The line holds no header, no query, no body and no path but the route's own: each may carry a
/// token. What comes from outside is cut off where it is too long.
///
/// # Errors
///
/// The framework's own, as an answer.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let Some(gateway) = request.app_data::<web::Data<Gateway>>().cloned() else {
        return Err(actix_web::error::ErrorInternalServerError("no gateway"));
    };
    let seen = Seen::new(gateway.new_request_id());
    request.extensions_mut().insert(seen.clone());
    let method = request.method().clone();
    let peer = request.peer_addr().map(|peer| peer.ip());
    let trusted = &gateway.parts().trusted_proxies;
    let client = client_address(peer, request.headers(), trusted);
    let called = AssertUnwindSafe(next.call(request)).catch_unwind().await;
    let (response, route) = match called {
        Ok(response) => {
            let mut response = response?.map_into_boxed_body();
            add_headers(response.response_mut(), &seen);
            if gateway.stage().is_closed() {
                let head = response.response_mut().head_mut();
                head.set_connection_type(ConnectionType::Close);
            }
            let route = response.request().match_pattern();
            (Ok(response), route)
        }
        Err(_) => (Err(panicked(&seen, &gateway)), None),
    };
    let status = match &response {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    let is_health_check = matches!(route.as_deref(), Some(health::LIVEZ | health::READYZ));
    if is_health_check && status.is_success() && !tracing::enabled!(tracing::Level::DEBUG) {
        return response;
    }
    let ending = seen.ending();
    tracing::info!(
        request_id = %seen.request_id(),
        client = client.map(tracing::field::display),
        method = beginning(method.as_str(), MAX_METHOD),
        route = route.as_deref().unwrap_or("none"),
        status = status.as_u16(),
        outcome = ending.outcome.unwrap_or("answered"),
        cause = ending.cause.as_deref().map(|cause| beginning(cause, MAX_CAUSE)),
        owner = ending.owner(),
        caller = ending.caller(),
        bucket = ending.bucket(),
        access_key = ending.access_key,
        duration_ms = started.elapsed().as_secs_f64() * 1_000.0,
        "request"
    );
    drop(ending);
    response
}

fn beginning(text: &str, max_bytes: usize) -> &str {
    let end = text.floor_char_boundary(max_bytes);
    text.get(..end).unwrap_or_default()
}

fn panicked(seen: &Seen, gateway: &Gateway) -> Error {
    let failure = Refusal::Internal("a handler panicked".to_owned()).into();
    let mut response: HttpResponse = problem::answer(&failure, seen, gateway);
    add_headers(&mut response, seen);
    InternalError::from_response("a handler panicked", response).into()
}

/// On every answer.
pub(crate) fn add_headers<B>(response: &mut HttpResponse<B>, seen: &Seen) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(seen.request_id().to_string()) {
        headers.insert(X_REQUEST_ID, id);
    }
    // Swagger UI's files say otherwise.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}
