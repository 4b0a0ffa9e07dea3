//! Parse the command line, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use cloakroom::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    Box::pin(Cli::parse().run()).await
}
