use std::io::Write;
use std::process::ExitCode;

use crate::config::ConfigErrors;
use crate::server::StartError;

/// `EX_USAGE` of sysexits.h: the configuration is wrong.
const BAD_CONFIGURATION: u8 = 64;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{0}")]
    Failed(String),
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

/// Says something on standard error; if that is closed, there is nobody left to tell.
pub(super) fn complain(what: &impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{what}");
}

/// Says what went wrong on standard error, and the number that scripts look at.
pub(super) fn exit_code(done: Result<(), CommandError>) -> ExitCode {
    let Err(error) = done else {
        return ExitCode::SUCCESS;
    };
    complain(&error);
    let is_configuration = match &error {
        CommandError::Config(_) => true,
        CommandError::Start(error) => error.is_configuration(),
        CommandError::Failed(_) => false,
    };
    ExitCode::from(if is_configuration {
        BAD_CONFIGURATION
    } else {
        1
    })
}
