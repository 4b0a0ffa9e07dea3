use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::domain::RequestId;
use crate::service::STEPS;

use crate::http::health;
use crate::http::input::trace_parent::TraceParent;
use crate::http::middleware::log_line::Notes;

/// The trace that a request belongs to (docs/tracing.md).
pub(crate) struct Trace {
    /// Disabled unless spans are exported.
    pub(crate) span: Span,
    id: Option<TraceId>,
}

impl Trace {
    /// Goes on with the caller's trace, or begins one if spans are exported.
    pub(crate) fn begin(request: &HttpRequest, request_id: RequestId) -> Self {
        let parent = TraceParent::of(request.headers());
        let span = span(request, request_id);
        if span.is_disabled() {
            let id = parent.map(|parent| TraceId::from(parent.trace_id));
            return Self { span, id };
        }
        if let Some(parent) = parent {
            // Fails only if the span has begun already.
            let _ = span.set_parent(remote(parent));
        }
        let id = span.context().span().span_context().trace_id();
        Self { span, id: Some(id) }
    }

    /// For the log: set if spans are exported, or if the caller has sent it.
    pub(crate) fn id(&self) -> Option<TraceId> {
        self.id
    }

    /// Says how the request has ended.
    pub(crate) fn end(&self, status: StatusCode, notes: &Notes) {
        let span = &self.span;
        if span.is_disabled() {
            return;
        }
        span.record("http.response.status_code", status.as_u16());
        span.record("cloakroom.outcome", notes.outcome.unwrap_or("answered"));
        if let Some(owner) = notes.owner() {
            span.record("owner", owner);
        }
        if status.is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
    }
}

/// Named by OpenTelemetry's conventions for HTTP servers. Health checks are not traced. Methods and
/// paths that no route has are the caller's own text, and do not get in.
fn span(request: &HttpRequest, request_id: RequestId) -> Span {
    let route = request.match_pattern();
    let route = route.as_deref();
    if matches!(route, Some(health::LIVEZ | health::READYZ)) {
        return Span::none();
    }
    let method = known_method(request);
    tracing::info_span!(
        target: STEPS,
        "request",
        otel.name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}")),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        cloakroom.request_id = %request_id,
        cloakroom.outcome = Empty,
        owner = Empty,
    )
}

fn known_method(request: &HttpRequest) -> &str {
    match request.method().as_str() {
        method @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "PATCH" | "CONNECT"
        | "TRACE") => method,
        _ => "_OTHER",
    }
}

fn remote(parent: TraceParent) -> Context {
    let flags = TraceFlags::default().with_sampled(parent.is_sampled);
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(parent.trace_id),
        SpanId::from(parent.parent_id),
        flags,
        true,
        TraceState::NONE,
    ))
}
