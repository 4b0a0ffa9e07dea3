use std::fmt::Display;
use std::io;
use std::path::PathBuf;

/// The longest error code that is shown.
const MAX_CODE_CHARS: usize = 100;

/// Why a sign-in, or the use of one, failed. The texts are for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The option's value cannot be a gateway's address.
    #[error("--url{0}")]
    Url(String),
    /// The gateway cannot be asked, or says something that cannot be.
    #[error("{gateway}: {what}")]
    Gateway {
        /// Its address.
        gateway: String,
        /// What went wrong.
        what: String,
    },
    /// The authorization server cannot be asked, or says something that cannot be. What is kept stays
    /// good.
    #[error("{issuer}: {what}")]
    AuthorizationServer {
        /// Its issuer.
        issuer: String,
        /// What went wrong.
        what: String,
    },
    /// The authorization server refuses.
    #[error("{issuer}: refused: {code}")]
    Refused {
        /// Its issuer.
        issuer: String,
        /// The error code of OAuth.
        code: String,
    },
    /// The person did not sign in in time.
    #[error("nobody has signed in within {0}: run the command again")]
    TooLate(&'static str),
    /// The link for the browser was fetched more than once.
    #[error(
        "the link for the browser was opened twice, perhaps by another user of this machine: run the command \
         again, and open the printed link yourself"
    )]
    OpenedTwice,
    /// A file cannot be read or written.
    #[error("{}: {what}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// What went wrong, and what to do.
        what: String,
    },
    /// Nobody has signed in there.
    #[error("{0}: not signed in: cloakroom login --url {0}")]
    NotSignedIn(String),
    /// There is no login on this machine, and the command names no gateway.
    #[error(
        "--url: not signed in: name the gateway, as in cloakroom login --url https://cloakroom.example.com"
    )]
    NotSignedInAnywhere,
    /// The sign-in has ended, or was revoked.
    #[error("{0}: the sign-in has ended, sign in again: cloakroom login --url {0}")]
    Ended(String),
}

impl LoginError {
    /// Whether signing in is what helps.
    #[must_use]
    pub fn needs_sign_in(&self) -> bool {
        matches!(
            self,
            Self::NotSignedIn(_) | Self::NotSignedInAnywhere | Self::Ended(_)
        )
    }

    pub(super) fn file(path: impl Into<PathBuf>, error: &io::Error) -> Self {
        Self::File {
            path: path.into(),
            what: error.to_string(),
        }
    }

    /// The code is not ours: it is cut.
    pub(super) fn refused(issuer: &str, code: &str) -> Self {
        Self::Refused {
            issuer: issuer.to_owned(),
            code: code.chars().take(MAX_CODE_CHARS).collect(),
        }
    }

    pub(super) fn server(issuer: &str, what: impl Display) -> Self {
        Self::AuthorizationServer {
            issuer: issuer.to_owned(),
            what: what.to_string(),
        }
    }
}
