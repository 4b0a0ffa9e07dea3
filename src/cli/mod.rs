//! The command line: one file a subcommand.

mod access_key;
mod administration;
mod api_key;
mod audit;
mod backup;
mod bucket;
mod completions;
mod config;
mod credentials;
#[cfg(feature = "dev")]
mod dev;
#[cfg(feature = "dev")]
mod dev_token;
mod doctor;
mod healthcheck;
mod openapi;
mod org;
mod outcome;
mod serve;
mod signals;
mod table;
mod view;
mod workspace;

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::ConfigErrors;

/// Hand in an OAuth token, get the key to your own S3 storage.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
#[cfg_attr(
    feature = "dev",
    command(after_help = "To try it: cloakroom dev. To run it: cloakroom serve --config FILE.")
)]
#[cfg_attr(
    not(feature = "dev"),
    command(after_help = "To run it: cloakroom serve --config FILE.")
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything on this machine, for development: gateway, store, authorization server
    #[cfg(feature = "dev")]
    #[command(after_help = "Examples:
  cloakroom dev
  cloakroom dev --port 0 --storage-port 0 --oauth-port 0
  cloakroom dev --session-duration 5s --data-dir /tmp/locker")]
    Dev(dev::Dev),
    /// Print an access token for any user name, from a running `cloakroom dev`
    #[cfg(feature = "dev")]
    #[command(after_help = "Examples:
  TOKEN=$(cloakroom dev-token alice)
  cloakroom dev-token bob --client-id backup
  cloakroom dev-token alice --without-claim sub     # refused: missing-claims
  cloakroom dev-token alice --scope other           # refused: insufficient-scope
  cloakroom dev-token alice --scope 'com.cleverbase.storage api.katapult.io/core/v1/object_storage'
  cloakroom dev-token alice --expires-in 0s         # refused: invalid-token")]
    DevToken(dev_token::DevToken),
    /// Run the gateway
    #[command(after_help = "Examples:
  cloakroom serve --config /etc/cloakroom.toml
  CLOAKROOM_HTTP__ADDRESS=127.0.0.1:8090 cloakroom serve --config cloakroom.toml

Exit codes: 0 stopped by a signal, 1 cannot start, 64 bad configuration (every mistake is named).")]
    Serve(serve::Serve),
    /// Print temporary credentials, as AWS SDKs take them from a `credential_process`
    #[command(after_help = "Examples:
  cloakroom credentials --url https://cloakroom.example.com --token-file ~/.cache/token
  cloakroom credentials --url http://127.0.0.1:8080 --token-file - --access read --duration 900

In ~/.aws/config:
  [profile locker]
  credential_process = cloakroom credentials --url https://cloakroom.example.com --token-file /run/token

Exit codes: 0 printed, 1 refused or no answer (standard error says why).")]
    Credentials(credentials::CredentialsCommand),
    /// Prove on the real store that isolation holds
    #[command(after_help = "Examples:
  cloakroom doctor --config /etc/cloakroom.toml
  cloakroom doctor --json | jq '.checks[] | select(.outcome == \"failed\")'
  cloakroom doctor --clean

Exit codes: 0 all that could be looked at holds, 1 something does not, 64 bad configuration.")]
    Doctor(doctor::DoctorCommand),
    /// Organisations, which ask for their storage by API key
    #[command(
        subcommand,
        after_help = "Example:\n  cloakroom org create acme --config /etc/cloakroom.toml"
    )]
    Org(org::OrgCommand),
    /// API keys of organisations
    #[command(
        subcommand,
        after_help = "Example:\n  KEY=$(cloakroom api-key create --org acme --label ci)"
    )]
    ApiKey(api_key::ApiKeyCommand),
    /// Access keys that last, for tools that cannot refresh
    #[command(
        subcommand,
        after_help = "Example:\n  cloakroom access-key create --name backups --org acme --write-bucket acme-backups"
    )]
    AccessKey(access_key::AccessKeyCommand),
    /// Workspaces of organisations, whose members ask for their storage by access token
    #[command(
        subcommand,
        after_help = "Example:\n  cloakroom workspace add-member acme/research --subject alice"
    )]
    Workspace(workspace::WorkspaceCommand),
    /// Show who has a bucket, and repair bucket-conflict
    #[command(
        subcommand,
        after_help = "Example:\n  cloakroom bucket show demo/alice"
    )]
    Bucket(bucket::BucketCommand),
    /// Show who held which key when, and what operators did
    #[command(after_help = "Examples:
  cloakroom audit --owner acme --since 24h
  cloakroom audit --access-key ASIAIOSFODNN7EXAMPLE
  cloakroom audit --owner 5c3b3bb8e6448a51b8ad7992994f722     # the owner of a log line
  cloakroom audit --caller alice --json | jq -r '.[].bucket'")]
    Audit(audit::AuditCommand),
    /// Copy the registry and the audit trail (SQLite) to a file, while the gateway runs
    #[command(after_help = "Examples:
  cloakroom backup /var/backups/cloakroom-$(date +%F).db
  cloakroom backup --json /var/backups/cloakroom.db | jq .audit_rows

The file must not exist; only you can read it. How to restore it: docs/backup.md. PostgreSQL: pg_dump.")]
    Backup(backup::BackupCommand),
    /// Look at the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print the OpenAPI contract
    #[command(after_help = "Example:\n  cloakroom openapi > openapi.yaml")]
    Openapi,
    /// Exit 0 when the gateway of this configuration is ready
    #[command(after_help = "Example:\n  cloakroom healthcheck --config /etc/cloakroom.toml")]
    Healthcheck(ConfigFile),
    /// Print a script that completes arguments in your shell
    #[command(after_help = "Examples:
  cloakroom completions bash > /etc/bash_completion.d/cloakroom
  cloakroom completions zsh > ~/.zfunc/_cloakroom
  cloakroom completions fish > ~/.config/fish/completions/cloakroom.fish")]
    Completions(completions::Completions),
}

/// Where the configuration is.
#[derive(clap::Args, Debug)]
struct ConfigFile {
    /// TOML file; the environment (`CLOAKROOM_<SECTION>__<KEY>`) wins over it
    #[arg(long, value_name = "FILE", env = "CLOAKROOM_CONFIG")]
    config: Option<PathBuf>,
}

/// The variables that are the configuration's; others need not even be text.
fn environment() -> Result<HashMap<String, String>, ConfigErrors> {
    let mut arguments = HashSet::new();
    gather_variables(&Cli::command(), &mut arguments);
    let mut variables = HashMap::new();
    let mut errors = Vec::new();
    for (name, value) in std::env::vars_os().filter(|(name, _)| !arguments.contains(name)) {
        let name = name.into_string().unwrap_or_default();
        if !name.starts_with("CLOAKROOM_") {
            continue;
        }
        // The value may be a secret.
        match value.into_string() {
            Ok(value) => drop(variables.insert(name, value)),
            Err(_) => errors.push(format!("{name}: the value is not UTF-8")),
        }
    }
    if errors.is_empty() {
        Ok(variables)
    } else {
        Err(ConfigErrors(errors))
    }
}

/// The variables that arguments are read from.
fn gather_variables(command: &clap::Command, into: &mut HashSet<OsString>) {
    let variables = command.get_arguments().filter_map(clap::Arg::get_env);
    into.extend(variables.map(OsStr::to_owned));
    for command in command.get_subcommands() {
        gather_variables(command, into);
    }
}

impl Cli {
    /// Does what the command line says; 64 is a bad configuration, 1 any other failure.
    pub async fn run(self) -> ExitCode {
        let done = match self.command {
            #[cfg(feature = "dev")]
            Command::Dev(dev) => dev.run().await,
            #[cfg(feature = "dev")]
            Command::DevToken(dev_token) => dev_token.run().await,
            Command::Serve(serve) => serve.run().await,
            Command::Credentials(credentials) => credentials.run().await,
            Command::Doctor(doctor) => doctor.run().await,
            Command::Org(command) => command.run().await,
            Command::ApiKey(command) => command.run().await,
            Command::AccessKey(command) => command.run().await,
            Command::Workspace(command) => command.run().await,
            Command::Bucket(command) => command.run().await,
            Command::Audit(audit) => audit.run().await,
            Command::Backup(backup) => backup.run().await,
            Command::Config(command) => command.run(),
            Command::Openapi => openapi::run(),
            Command::Healthcheck(file) => healthcheck::run(&file).await,
            Command::Completions(completions) => completions.run(),
        };
        outcome::exit_code(done)
    }
}
