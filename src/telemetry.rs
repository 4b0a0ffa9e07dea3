//! Logs on standard error, as JSON or, on a terminal, in a readable form. Standard output holds only
//! results.

mod queue;

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, fmt, registry};

use crate::config::LogLevel;

pub use queue::Flush;
use queue::{Format, queue};

/// How many lines wait for a slow reader: a few MB.
const MAX_LINES: usize = 10_000;

/// Starts logging. Libraries always log from `warn` up: at lower levels some of them log what they
/// send. The caller keeps the returned guard until the process ends.
///
/// # Errors
///
/// When a logger is already installed.
pub fn start(level: LogLevel) -> Result<Flush, TryInitError> {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let filter = Targets::new()
        .with_default(own.min(LevelFilter::WARN))
        .with_target("cloakroom", own)
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
    registry().with(layer.with_filter(filter)).try_init()?;
    log_panics();
    Ok(flush)
}

/// Logs only the place of a panic: its text may quote a value.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place = place.as_deref().unwrap_or("unknown"), "panic");
    }));
}
