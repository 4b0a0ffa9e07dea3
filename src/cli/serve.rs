use std::pin::pin;

use crate::config::Config;
use crate::server::{Server, StartError};
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
        let config = Config::load(self.file.config.as_deref(), environment()?)?;
        let _flush = telemetry::start(config.log.level)
            .map_err(|error| CommandError::Failed(error.to_string()))?;
        self.serve(&config).await.map_err(CommandError::logged)
    }

    async fn serve(&self, config: &Config) -> Result<(), StartError> {
        let mut stop = pin!(signals::stop());
        let build = async {
            if self.doctor {
                Server::build_examined(config).await
            } else {
                Server::build(config).await
            }
        };
        let server = tokio::select! {
            // First, so that a signal counts from now on: the first process of a container has no
            // other way to be stopped.
            biased;
            () = &mut stop => return Ok(()),
            server = build => server?,
        };
        tracing::info!(address = %server.address(), "listening");
        server.run(stop).await
    }
}
