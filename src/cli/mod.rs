//! The command line: one file a subcommand.

mod access_key;
mod api_key;
mod area;
mod audit;
mod backup;
mod block;
mod bucket;
mod completions;
mod config;
mod confirmation;
mod credentials;
#[cfg(feature = "dev")]
mod dev;
#[cfg(feature = "dev")]
mod dev_token;
mod doctor;
mod erase;
mod error;
mod export;
mod gateway;
mod healthcheck;
mod login;
mod logout;
mod migrate;
mod openapi;
mod options;
mod org;
mod output;
mod revoke;
mod serve;
mod setup;
mod signals;
mod storage;
mod target;
mod time;
mod whoami;
mod workspace;

use std::process::ExitCode;
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::adapters::database::latest_schema;

use error::CommandError;
use output::note;

/// `EX_USAGE` of sysexits.h: the configuration is wrong.
const BAD_CONFIGURATION: u8 = 64;

/// `EX_NOPERM` of sysexits.h: nobody is signed in.
const SIGN_IN: u8 = 77;

/// How long a process that ends waits for a reader of its error message.
const PATIENCE: Duration = Duration::from_secs(1);

/// Exchange an OAuth token for credentials to your own S3 storage
#[derive(Debug, Parser)]
#[command(version, long_version = long_version(), arg_required_else_help = true)]
#[cfg_attr(
    feature = "dev",
    command(after_help = "Try it: cloakroom dev. Run it: cloakroom serve --config FILE.")
)]
#[cfg_attr(
    not(feature = "dev"),
    command(after_help = "Run it: cloakroom serve --config FILE.")
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "dev")]
    Dev(dev::DevCommand),
    #[cfg(feature = "dev")]
    DevToken(dev_token::DevTokenCommand),
    Serve(serve::ServeCommand),
    Login(login::LoginCommand),
    Logout(logout::LogoutCommand),
    Whoami(whoami::WhoamiCommand),
    #[command(subcommand)]
    Setup(setup::SetupCommand),
    Credentials(credentials::CredentialsCommand),
    Doctor(doctor::DoctorCommand),
    #[command(subcommand)]
    Org(org::OrgCommand),
    #[command(subcommand)]
    ApiKey(api_key::ApiKeyCommand),
    #[command(subcommand)]
    AccessKey(access_key::AccessKeyCommand),
    #[command(subcommand)]
    Workspace(workspace::WorkspaceCommand),
    #[command(subcommand)]
    Bucket(bucket::BucketCommand),
    Revoke(revoke::RevokeCommand),
    Block(block::BlockCommand),
    Unblock(block::UnblockCommand),
    Erase(erase::EraseCommand),
    Export(export::ExportCommand),
    Audit(audit::AuditCommand),
    Backup(backup::BackupCommand),
    Migrate(migrate::MigrateCommand),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Openapi(openapi::OpenapiCommand),
    Healthcheck(healthcheck::HealthcheckCommand),
    Completions(completions::CompletionsCommand),
}

impl Cli {
    /// Runs the subcommand. The exit code is 64 for a bad configuration, 77 where signing in helps, and
    /// 1 for any other failure.
    pub async fn run(self) -> ExitCode {
        let done = match self.command {
            #[cfg(feature = "dev")]
            Command::Dev(command) => command.run().await,
            #[cfg(feature = "dev")]
            Command::DevToken(command) => command.run().await,
            Command::Serve(command) => command.run().await,
            Command::Login(command) => command.run().await,
            Command::Logout(command) => command.run().await,
            Command::Whoami(command) => command.run().await,
            Command::Setup(command) => command.run().await,
            Command::Credentials(command) => command.run().await,
            Command::Doctor(command) => command.run().await,
            Command::Org(command) => command.run().await,
            Command::ApiKey(command) => command.run().await,
            Command::AccessKey(command) => Box::pin(command.run()).await,
            Command::Workspace(command) => command.run().await,
            Command::Bucket(command) => Box::pin(command.run()).await,
            Command::Revoke(command) => Box::pin(command.run()).await,
            Command::Block(command) => command.run().await,
            Command::Unblock(command) => command.run().await,
            Command::Erase(command) => Box::pin(command.run()).await,
            Command::Export(command) => Box::pin(command.run()).await,
            Command::Audit(command) => command.run().await,
            Command::Backup(command) => command.run().await,
            Command::Migrate(command) => Box::pin(command.run()).await,
            Command::Config(command) => command.run(),
            Command::Openapi(_) => openapi::OpenapiCommand::run(),
            Command::Healthcheck(command) => command.run().await,
            Command::Completions(command) => command.run(),
        };
        let Err(error) = done else {
            return ExitCode::SUCCESS;
        };
        if !error.is_reported() {
            report(&error);
        }
        ExitCode::from(if error.is_configuration() {
            BAD_CONFIGURATION
        } else if error.needs_sign_in() {
            SIGN_IN
        } else {
            1
        })
    }
}

/// The version, and the schema that the database must have.
fn long_version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        format!(
            "{}\ndatabase schema {}",
            env!("CARGO_PKG_VERSION"),
            latest_schema()
        )
    });
    TEXT.as_str()
}

/// Prints the error on standard error. A stalled reader must not keep the process from ending.
fn report(error: &CommandError) {
    let text = error.to_string();
    let (running, ended) = mpsc::channel::<()>();
    let write = move || {
        text.lines().for_each(|line| note(&line));
        drop(running);
    };
    if thread::Builder::new().spawn(write).is_ok() {
        let _ = ended.recv_timeout(PATIENCE);
    }
}
