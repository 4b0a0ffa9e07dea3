//! Logs on standard error, as JSON or, on a terminal, in a readable form, and traces by OTLP. Standard
//! output holds only results.

mod alarms;
mod collector;
mod queue;
mod spans;

use std::io::IsTerminal;

use opentelemetry_sdk::trace::SdkTracer;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, fmt, registry};
use url::Url;

use crate::config::LogLevel;
use crate::service::STEPS;

use alarms::CountAlarms;
pub use alarms::alarms;
pub use queue::{Flush, lines_dropped};
use queue::{Format, queue, report_drops_of};
use spans::Spans;
pub use spans::SpansError;

/// How many lines wait for a slow reader: a few MB.
const MAX_LINES: usize = 10_000;

/// The log and the traces of a process. It lives until the process ends.
#[must_use = "log lines are lost unless it lives until the process ends"]
pub struct Telemetry {
    spans: Option<Spans>,
    #[expect(dead_code, reason = "it writes the last lines when it is dropped")]
    flush: Flush,
}

/// Neither log nor traces are set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A logger is already installed.
    #[error(transparent)]
    Log(#[from] TryInitError),
    /// See [`SpansError`].
    #[error(transparent)]
    Spans(#[from] SpansError),
}

impl Telemetry {
    /// Sends the last spans. The last log lines are written when `self` is dropped.
    pub async fn close(mut self) {
        if let Some(spans) = self.spans.take() {
            spans.close().await;
        }
    }
}

/// Starts logging and, if there is an endpoint, sending spans there (docs/tracing.md). Libraries
/// always log from `warn` up: at lower levels some of them log what they send.
///
/// # Errors
///
/// [`TelemetryError`]
///
/// # Panics
///
/// With an endpoint, outside of a Tokio runtime.
pub fn start(level: LogLevel, otlp_endpoint: Option<&Url>) -> Result<Telemetry, TelemetryError> {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let filter = Targets::new()
        .with_default(own.min(LevelFilter::WARN))
        .with_target("cloakroom", own)
        .with_target(STEPS, LevelFilter::OFF)
        // Calls a malformed request an error of ours; such requests have their own line at `info`.
        .with_target("actix_http::h1", LevelFilter::OFF)
        // Logs whole answers.
        .with_target("s3s", LevelFilter::OFF);
    let format = if std::io::stderr().is_terminal() {
        Format::Text
    } else {
        Format::Json
    };
    let (queue, flush) = queue(std::io::stderr(), format, MAX_LINES);
    let lines = fmt::layer().with_writer(queue);
    let layer = match format {
        Format::Text => lines.compact().with_target(false).boxed(),
        Format::Json => lines.json().flatten_event(true).with_ansi(false).boxed(),
    };
    let spans = otlp_endpoint.map(Spans::start).transpose()?;
    let alarms = CountAlarms.with_filter(LevelFilter::ERROR);
    // A layer that is `None` would keep the spans enabled.
    let mut layers = vec![layer.with_filter(filter).boxed(), alarms.boxed()];
    layers.extend(spans.as_ref().map(|spans| traced(spans.tracer()).boxed()));
    registry().with(layers).try_init()?;
    report_drops_of(&flush);
    log_panics();
    Ok(Telemetry { spans, flush })
}

/// Turns the steps of calls into spans. Nothing else gets in: no log line and no library's span.
fn traced<S>(tracer: SdkTracer) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
{
    OpenTelemetryLayer::new(tracer)
        .with_context_activation(false)
        .with_location(false)
        .with_target(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(Targets::new().with_target(STEPS, LevelFilter::INFO))
}

/// Logs only the place of a panic: its text may quote a value.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place = place.as_deref().unwrap_or("unknown"), "panic");
    }));
}
