//! Counts what `http` and the adapters tell.

use std::time::Duration;

use http::Method;

use crate::adapters::database::ObserveGroups;
use crate::adapters::{CallFailure, ObserveCalls, UpstreamCall};
use crate::http::{Answered, Observer};

use super::Metrics;
use super::labels::{ClientRequest, Refusal, ServerRequest};

impl Observer for Metrics {
    fn answered(&self, answered: &Answered<'_>) {
        let labels = ServerRequest {
            http_request_method: known(answered.method.as_str()),
            http_route: answered.route,
            http_response_status_code: answered.status,
        };
        let took = answered.took.as_secs_f64();
        let requests = &self.instruments.server_requests;
        requests.get_or_create(&labels).observe(took);
    }

    fn refused(&self, dialect: &'static str, cause: &'static str) {
        let labels = Refusal { dialect, cause };
        self.instruments.refusals.get_or_create(&labels).inc();
    }
}

impl ObserveCalls for Metrics {
    fn called(&self, call: &UpstreamCall) {
        let labels = ClientRequest {
            http_request_method: sent(&call.method),
            upstream: call.upstream.as_str(),
            http_response_status_code: call.outcome.ok(),
            error_type: call.outcome.err().map(CallFailure::as_str),
        };
        let took = call.took.as_secs_f64();
        let requests = &self.instruments.client_requests;
        requests.get_or_create(&labels).observe(took);
    }
}

impl ObserveGroups for Metrics {
    fn written(&self, events: usize, is_stored: bool, took: Duration) {
        let all = &self.instruments;
        all.audit_seconds.observe(took.as_secs_f64());
        all.audit_events
            .observe(u32::try_from(events).unwrap_or(u32::MAX).into());
        if !is_stored {
            all.audit_failures.inc();
        }
    }
}

/// A method that routes take, or what OpenTelemetry calls any other.
fn known(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}

/// A method that the adapters send.
fn sent(method: &Method) -> &'static str {
    match *method {
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        ref method => known(method.as_str()),
    }
}
