use crate::config::Config;
use crate::server::Server;
use crate::telemetry;

use super::outcome::CommandError;
use super::signals;
use super::{ConfigFile, environment};

/// Runs the gateway.
#[derive(clap::Args, Debug)]
pub(super) struct Serve {
    #[command(flatten)]
    file: ConfigFile,
    /// Not ready before `cloakroom doctor` has found that isolation holds
    #[arg(long)]
    doctor: bool,
}

impl Serve {
    pub(super) async fn run(&self) -> Result<(), CommandError> {
        let config = Config::load(self.file.config.as_deref(), environment())?;
        let _flush = telemetry::start(config.log.level)
            .map_err(|error| CommandError::Failed(error.to_string()))?;
        let server = if self.doctor {
            Server::build_examined(&config).await?
        } else {
            Server::build(&config).await?
        };
        tracing::info!(address = %server.address(), "listening");
        let outcome = server.run(signals::stop()).await;
        outcome.map_err(|error| CommandError::Failed(error.to_string()))
    }
}
