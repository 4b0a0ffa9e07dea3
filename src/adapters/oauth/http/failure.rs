use std::error::Error;
use std::io;

use crate::service::{UpstreamError, UpstreamErrorKind};

/// Why an answer could not be read.
pub(super) enum ReadError {
    Transport(reqwest::Error),
    TooLong,
}

impl ReadError {
    /// Whether the pool's other connections may be dead too. A connection that could not be opened says
    /// nothing about them.
    pub(super) fn is_suspect(&self) -> bool {
        matches!(self, Self::Transport(error) if !error.is_connect())
    }

    pub(super) fn describe(&self, max_bytes: usize) -> UpstreamError {
        match self {
            Self::Transport(error) => upstream_error(error),
            Self::TooLong => {
                let cause = format!("the answer is longer than {max_bytes} bytes");
                UpstreamError::new(UpstreamErrorKind::Nonsense, cause)
            }
        }
    }
}

impl From<reqwest::Error> for ReadError {
    fn from(error: reqwest::Error) -> Self {
        Self::Transport(error)
    }
}

/// Describes an error in our own words, because reqwest's text contains the URL.
pub(super) fn upstream_error(error: &reqwest::Error) -> UpstreamError {
    let (kind, cause) = if !error.is_connect() && is_dead(error) {
        (UpstreamErrorKind::Unreachable, "the connection was dead")
    } else if error.is_timeout() {
        (UpstreamErrorKind::Timeout, "no answer in time")
    } else if error.is_connect() {
        let cause = format!("cannot connect ({})", innermost(error));
        return UpstreamError::new(UpstreamErrorKind::Unreachable, cause);
    } else {
        (UpstreamErrorKind::Unreachable, "the connection broke")
    };
    UpstreamError::new(kind, cause)
}

/// The error of the operating system, the resolver or the certificate verifier.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}

/// Whether the operating system has closed an open connection because sent bytes were not acknowledged.
/// The request did not arrive, so the server is not slow.
fn is_dead(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let of_system = error.downcast_ref::<io::Error>();
        let of_system = of_system.filter(|error| error.raw_os_error().is_some());
        if of_system.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("wrapped")]
    struct Wrapped(#[source] io::Error);

    #[test]
    fn a_dead_connection_is_not_a_slow_server() {
        const ETIMEDOUT: i32 = 110;
        assert!(is_dead(&Wrapped(io::Error::from_raw_os_error(ETIMEDOUT))));
        assert!(!is_dead(&Wrapped(io::ErrorKind::TimedOut.into())));
        assert!(!is_dead(&Wrapped(io::ErrorKind::ConnectionReset.into())));
    }
}
