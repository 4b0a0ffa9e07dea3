use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use crate::config::ConfigErrors;
use crate::server::StartError;

/// `EX_USAGE` of sysexits.h: the configuration is wrong.
const BAD_CONFIGURATION: u8 = 64;

/// How long a process that ends waits until its last words are read.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{0}")]
    Failed(String),
    /// Already in the command's own output.
    #[error("see above")]
    Reported,
    /// Already in the log.
    #[error(transparent)]
    Logged(Box<Self>),
}

impl CommandError {
    /// Logs why a command that keeps a log failed.
    pub(super) fn logged(error: StartError) -> Self {
        for line in error.to_string().lines() {
            tracing::error!("{line}");
        }
        Self::Logged(Box::new(error.into()))
    }

    fn is_reported(&self) -> bool {
        matches!(self, Self::Reported | Self::Logged(_))
    }

    /// Whether the configuration is to blame.
    fn is_configuration(&self) -> bool {
        match self {
            Self::Config(_) => true,
            Self::Start(error) => error.is_configuration(),
            Self::Logged(error) => error.is_configuration(),
            Self::Failed(_) | Self::Reported => false,
        }
    }
}

/// Prints a result alone on standard output.
pub(super) fn print(text: &str) -> Result<(), CommandError> {
    let written = std::io::stdout().lock().write_all(text.as_bytes());
    match written {
        // Whoever reads has heard enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| CommandError::Failed(error.to_string())),
    }
}

/// What others have named must not steer a terminal: control and format characters, which reverse text
/// or hide in it, and separators of lines become spaces.
pub(super) fn printable(text: &str) -> String {
    let steers = |c: char| {
        matches!(
            c.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        )
    };
    text.chars()
        .map(|c| if steers(c) { ' ' } else { c })
        .collect()
}

/// Writes a line to standard error. Ignores a closed one: there is nowhere else to write.
pub(super) fn complain(what: &impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{}", printable(&what.to_string()));
}

/// A reader of standard error that has stalled must not keep the process from ending.
fn last_words(text: String) {
    let (speaking, said) = mpsc::channel::<()>();
    let speak = move || {
        text.lines().for_each(|line| complain(&line));
        drop(speaking);
    };
    if thread::Builder::new().spawn(speak).is_ok() {
        let _ = said.recv_timeout(PATIENCE);
    }
}

/// Says what went wrong on standard error, and the number that scripts look at.
pub(super) fn exit_code(done: Result<(), CommandError>) -> ExitCode {
    let Err(error) = done else {
        return ExitCode::SUCCESS;
    };
    if !error.is_reported() {
        last_words(error.to_string());
    }
    ExitCode::from(if error.is_configuration() {
        BAD_CONFIGURATION
    } else {
        1
    })
}
