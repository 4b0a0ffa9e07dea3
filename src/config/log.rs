use clap::ValueEnum;

use super::key::Key;
use super::reader::{Read, Reader};
use super::value::Choice;

const LEVEL: Key = Key::new(
    "log.level",
    "The least important events of the gateway that are logged. Libraries log at `warn` and above only: \
     below that, some log what they send.",
)
.default("info");

/// `log.*`
#[derive(Clone, Copy, Debug)]
pub struct LogConfig {
    /// `log.level`
    pub level: LogLevel,
}

/// How much is logged. Each level includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Failures.
    Error,
    /// What may become a failure.
    Warn,
    /// A line for each request.
    Info,
    /// What helps to find a fault.
    Debug,
}

impl LogConfig {
    pub(super) fn read(reader: &mut Reader) -> Read<Self> {
        reader.section("log", "What the gateway logs on standard error.");
        Ok(Self {
            level: reader.get(LEVEL)?,
        })
    }
}

impl Choice for LogLevel {}
