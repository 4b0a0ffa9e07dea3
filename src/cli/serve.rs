use std::pin::pin;

use crate::config::Config;
use crate::server::{Server, StartError};
use crate::telemetry;

use super::error::CommandError;
use super::options::ConfigFile;
use super::signals;

/// Run the gateway
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom serve --config /etc/cloakroom.toml
  CLOAKROOM_HTTP__ADDRESS=127.0.0.1:8090 cloakroom serve --config cloakroom.toml

Exit codes: 0 stopped by a signal, 1 cannot start, 64 bad configuration (every mistake is listed).")]
pub(super) struct ServeCommand {
    #[command(flatten)]
    file: ConfigFile,
    /// Become ready only after the checks of `cloakroom doctor` have passed
    #[arg(long)]
    doctor: bool,
}

impl ServeCommand {
    pub(super) async fn run(&self) -> Result<(), CommandError> {
        let config = self.file.load()?;
        let endpoint = config.telemetry.otlp_endpoint.as_ref();
        let telemetry =
            telemetry::start(config.log.level, endpoint).map_err(CommandError::failed)?;
        let served = self.serve(&config).await.map_err(CommandError::logged);
        telemetry.close().await;
        served
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
            // Polled first, so that signals are handled from now on: the first process of a
            // container ignores those that it does not handle.
            biased;
            () = &mut stop => return Ok(()),
            server = build => server?,
        };
        tracing::info!(address = %server.address(), "listening");
        server.run(stop).await
    }
}
