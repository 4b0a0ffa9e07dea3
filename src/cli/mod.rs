//! The command line: one file a subcommand.

#[cfg(feature = "dev")]
mod dev;
#[cfg(feature = "dev")]
mod dev_token;
mod healthcheck;
mod openapi;
mod outcome;
mod serve;
mod signals;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Hand in an OAuth token, get the key to your own S3 storage.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything on this machine, for development: gateway, store, authorization server
    #[cfg(feature = "dev")]
    Dev(dev::Dev),
    /// Print an access token for any user name, from a running `cloakroom dev`
    #[cfg(feature = "dev")]
    DevToken(dev_token::DevToken),
    /// Run the gateway
    Serve(ConfigFile),
    /// Print the OpenAPI contract
    Openapi,
    /// Exit 0 when the gateway of this configuration is ready
    Healthcheck(ConfigFile),
}

/// Where the configuration is.
#[derive(clap::Args, Debug)]
struct ConfigFile {
    /// TOML file; the environment (`CLOAKROOM_<SECTION>__<KEY>`) wins over it
    #[arg(long, value_name = "FILE", env = "CLOAKROOM_CONFIG")]
    config: Option<PathBuf>,
}

/// The variables that are ours; others need not even be text.
fn environment() -> HashMap<String, String> {
    let ours = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        name.starts_with("CLOAKROOM_")
            .then(|| (name, value.to_string_lossy().into_owned()))
    });
    ours.collect()
}

impl Cli {
    /// Does what the command line says; 64 is a bad configuration, 1 any other failure.
    pub async fn run(self) -> ExitCode {
        let done = match self.command {
            #[cfg(feature = "dev")]
            Command::Dev(dev) => dev.run().await,
            #[cfg(feature = "dev")]
            Command::DevToken(dev_token) => dev_token.run().await,
            Command::Serve(file) => serve::run(&file).await,
            Command::Openapi => openapi::run(),
            Command::Healthcheck(file) => healthcheck::run(&file).await,
        };
        outcome::exit_code(done)
    }
}
