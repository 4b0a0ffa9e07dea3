use std::panic::AssertUnwindSafe;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use futures_util::FutureExt;
use tracing::Instrument;

use crate::domain::RequestId;
use crate::service::Refusal;

use crate::http::ROUTES;
use crate::http::exchange::Exchange;
use crate::http::health;
use crate::http::observer::{Answered, cause_of};
use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;
use crate::http::state::Gateway;

/// The longest cause in the log, in bytes: one may quote the database.
const MAX_CAUSE: usize = 500;

/// The longest method in the log, in bytes: any token is one (RFC 9110 section 9.1).
const MAX_METHOD: usize = 32;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How a route words its refusals.
#[derive(Clone, Copy)]
pub(crate) struct Words {
    /// The dialect, as metrics name it.
    pub(crate) dialect: &'static str,
    /// The answer to a request that is refused.
    pub(crate) refuse: fn(&Failure, &Exchange) -> HttpResponse,
    /// The refusal's name in the log.
    pub(crate) outcome: fn(Cause) -> &'static str,
}

/// Answers one request of any route: names it, hands it to its handler, words a refusal, keeps the
/// answer out of caches and writes one line into the log. A panic is an internal error. Health
/// checks that pass are logged at `debug` only, because they come every few seconds.
///
/// The line holds no header, no query, no body and no path but the route's own: each may carry a
/// token. What comes from outside is cut off where it is too long.
pub(crate) async fn observe(
    request: HttpRequest,
    gateway: web::Data<Gateway>,
    words: Words,
    handler: impl AsyncFnOnce(&Exchange) -> Result<HttpResponse, Failure>,
) -> HttpResponse {
    let exchange = Exchange::new(request, gateway);
    let refuse = |failure: Failure| {
        note_failure(&exchange, words, &failure);
        (words.refuse)(&failure, &exchange)
    };
    let answered = async { handler(&exchange).await.unwrap_or_else(refuse) };
    let answered = AssertUnwindSafe(answered.instrument(exchange.trace.span.clone()));
    let answered = answered.catch_unwind().await;
    let panicked = |_| refuse(Refusal::Internal("a handler panicked".to_owned()).into());
    let mut response = answered.unwrap_or_else(panicked);
    finish(&exchange, &mut response);
    response
}

/// Gives an id and a line in the log to browsers' preflights. actix-cors answers them before any
/// route, so no handler observes them; a missing request id tells them from other answers.
///
/// # Errors
///
/// The framework's own.
pub async fn observe_preflights(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let gateway = request.app_data::<web::Data<Gateway>>().cloned();
    let mut response = next.call(request).await?.map_into_boxed_body();
    if let Some(gateway) = gateway
        && !response.headers().contains_key(X_REQUEST_ID)
    {
        let exchange = Exchange::new(response.request().clone(), gateway);
        finish(&exchange, response.response_mut());
    }
    Ok(response)
}

/// A conflict raises an alarm (docs/bucket-conflict.md).
fn note_failure(exchange: &Exchange, words: Words, failure: &Failure) {
    exchange.log.outcome((words.outcome)(failure.cause()));
    exchange.log.cause(failure.for_the_log());
    let observer = &exchange.gateway.observer;
    observer.refused(words.dialect, cause_of(failure));
    if matches!(failure, Failure::Refused(Refusal::BucketConflict)) {
        let notes = exchange.log.notes();
        tracing::error!(
            request_id = %exchange.request_id,
            owner = notes.owner(),
            bucket = notes.bucket(),
            alarm = "bucket-conflict",
            "a bucket exists and is not known to be its owner's: nothing was issued"
        );
    }
}

fn finish(exchange: &Exchange, response: &mut HttpResponse) {
    exchange.trace.end(response.status(), &exchange.log.notes());
    add_headers(response, exchange.request_id);
    if exchange.gateway.stage.is_closed() {
        let head = response.head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    let route = exchange.request.match_pattern();
    let is_health_check = matches!(route.as_deref(), Some(health::LIVEZ | health::READYZ));
    exchange.gateway.observer.answered(&Answered {
        method: exchange.request.method(),
        route: route.as_deref().map_or("none", known_route),
        status: response.status().as_u16(),
        took: exchange.started.elapsed(),
    });
    let is_success = response.status().is_success();
    if is_health_check && is_success && !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    write_line(exchange, route.as_deref(), response.status());
}

/// The route as metrics name it.
fn known_route(route: &str) -> &'static str {
    let known = ROUTES.iter().find(|known| **known == route);
    known.copied().unwrap_or("other")
}

fn write_line(exchange: &Exchange, route: Option<&str>, status: StatusCode) {
    let notes = exchange.log.notes();
    tracing::info!(
        request_id = %exchange.request_id,
        trace_id = exchange.trace.id().map(tracing::field::display),
        client = exchange.client_address().map(tracing::field::display),
        method = beginning(exchange.request.method().as_str(), MAX_METHOD),
        route = route.unwrap_or("none"),
        status = status.as_u16(),
        outcome = notes.outcome.unwrap_or("answered"),
        cause = notes.cause.as_deref().map(|cause| beginning(cause, MAX_CAUSE)),
        owner = notes.owner(),
        caller = notes.caller(),
        bucket = notes.bucket(),
        access_key = notes.access_key,
        duration_ms = exchange.started.elapsed().as_secs_f64() * 1_000.0,
        "request"
    );
}

fn beginning(text: &str, max_bytes: usize) -> &str {
    let end = text.floor_char_boundary(max_bytes);
    text.get(..end).unwrap_or_default()
}

/// The headers of every answer.
pub(crate) fn add_headers(response: &mut HttpResponse, request_id: RequestId) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(request_id.to_string()) {
        headers.insert(X_REQUEST_ID, id);
    }
    // Static files may be cached.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}
