//! The steps of a call as spans (docs/tracing.md). They cost next to nothing unless spans are exported.

use std::future::Future;

use futures_util::TryFutureExt;
use tracing::{Instrument, Span};

/// The target of the spans, and of nothing else: the exporter takes only these, and the log none.
pub const STEPS: &str = "cloakroom::steps";

/// A span for a step. Fields are evaluated only if spans are exported; they never hold a subject, a
/// token or the key of an object.
macro_rules! step {
    ($name:literal $(, $($fields:tt)+)?) => {
        tracing::info_span!(
            target: $crate::service::STEPS,
            $name,
            otel.status_code = tracing::field::Empty,
            $($($fields)+)?
        )
    };
}

pub(super) use step;

/// Runs a step within its span, which tells whether it failed.
///
/// Not an `async fn`, whose future would hold the step twice.
pub(super) fn traced<T, E>(
    span: Span,
    step: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    step.instrument(span.clone()).inspect_err(move |_| {
        span.record("otel.status_code", "ERROR");
    })
}
