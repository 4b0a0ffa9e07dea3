use std::str::FromStr;

use super::reader::Reader;

/// `log.*`: what the gateway says of itself.
#[derive(Clone, Copy, Debug)]
pub struct LogConfig {
    /// `log.level`: of the gateway's own events. Libraries are heard from `warn` on only: below,
    /// some of them write what they send.
    pub level: LogLevel,
}

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Failures only.
    Error,
    /// And what may become one.
    Warn,
    /// And a line for each request.
    Info,
    /// And what helps to find a fault.
    Debug,
}

/// Not one of the levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of error, warn, info, debug")]
pub struct UnknownLevel;

impl LogConfig {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        Some(Self {
            level: reader.parse("log.level", "info")?,
        })
    }
}

impl FromStr for LogLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        match text {
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            _ => Err(UnknownLevel),
        }
    }
}
