mod banner;
mod configuration;
mod data;
mod issuers;
mod ports;
mod samples;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::config::LogLevel;
use crate::embedded::authorization_server::AuthorizationServer;
use crate::embedded::storage::Storage;
use crate::http::Samples;
use crate::server::{Server, StartError};
use crate::telemetry;

use super::error::CommandError;
use super::output::print;
use super::signals;

use data::DataDirectory;
use ports::unavailable;

pub(super) const OAUTH_PORT: u16 = 8081;

/// The client of `dev-token`, `login`, the console and Swagger UI: a user has one bucket in all of them.
pub(super) const CLIENT: &str = "demo";

/// The gateway's client at the embedded authorization server.
const GATEWAY: &str = "cloakroom";

/// The longest lifetime of credentials, in seconds; the shortest is one.
const LONGEST: u64 = 12 * 60 * 60;

/// Run everything on this machine, for development: gateway, store, authorization server
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom dev
  cloakroom dev --port 0 --storage-port 0 --oauth-port 0
  cloakroom dev --session-duration 5s --data-dir /tmp/locker
  cloakroom dev --issuers issuers.toml         # tokens of workloads: docs/workloads.md

For development only: anyone who can reach this machine's loopback interface can get a token for any user.")]
pub(super) struct DevCommand {
    /// Port of the gateway; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// Port of the store; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 9000)]
    storage_port: u16,
    /// Port of the authorization server; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = OAUTH_PORT)]
    oauth_port: u16,
    /// Directory for objects, registry and audit trail
    #[arg(long, value_name = "DIR", default_value = ".cloakroom")]
    data_dir: PathBuf,
    /// Lifetime of credentials, from 1s to 12h
    #[arg(long, value_name = "TIME", default_value = "1h")]
    session_duration: humantime::Duration,
    /// File with tables `issuers.<name>`, whose tokens the gateway takes, too
    #[arg(long, value_name = "FILE")]
    issuers: Option<PathBuf>,
    /// Also log every request to the store
    #[arg(long)]
    verbose: bool,
}

impl DevCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let level = if self.verbose {
            LogLevel::Debug
        } else {
            LogLevel::Info
        };
        let _telemetry = telemetry::start(level, None).map_err(CommandError::failed)?;
        let session_duration = Duration::from(self.session_duration);
        if !(1..=LONGEST).contains(&session_duration.as_secs()) {
            return Err(CommandError::failed(
                "--session-duration: must be from 1s to 12h",
            ));
        }
        let issuers = self.issuers.as_deref().map(issuers::read).transpose()?;
        let issuers = issuers.unwrap_or_default();
        let listener = ports::reserve(&self)?;
        let address = listener.local_addr().map_err(CommandError::failed)?;
        let data = DataDirectory::open(&self.data_dir)?;
        let oauth = AuthorizationServer::start(self.oauth_port, GATEWAY)
            .map_err(|error| unavailable("--oauth-port", self.oauth_port, &error))?;
        let storage = Storage::start(self.storage_port, data.storage())
            .await
            .map_err(|error| unavailable("--storage-port", self.storage_port, &error))?;
        let mut config = configuration::write_and_load(&data, address, &oauth, &storage, &issuers)?;
        // A configuration file cannot ask for less than 15 min.
        config.storage.session_duration = session_duration;
        // With --oauth-port 0 the issuer differs at each start. The file does not say so: `serve` on
        // it must refuse a change.
        config.naming.accept_change = true;
        let samples = Arc::<OnceLock<Samples>>::default();
        let built = Server::build_on(listener, &config, Arc::clone(&samples)).await;
        let server = built.map_err(|error| match error {
            StartError::Listen { error, .. } => unavailable("--port", self.port, &error),
            other => other.into(),
        })?;
        let made = samples::make(&config, banner::token_command(&oauth)).await;
        let made = made.map_err(CommandError::failed)?;
        let samples = samples.get_or_init(|| made);
        let addresses = (address, server.metrics_address());
        // A script that has read the banner may send SIGTERM.
        let stop = signals::stop();
        print(&banner::banner(addresses, &oauth, &storage, samples, &data))?;
        Ok(server.run(stop).await?)
    }
}
