use crate::config::Config;
use crate::server::Server;
use crate::telemetry;

use super::outcome::CommandError;
use super::signals;
use super::{ConfigFile, environment};

/// `cloakroom serve`
pub(super) async fn run(file: &ConfigFile) -> Result<(), CommandError> {
    let config = Config::load(file.config.as_deref(), environment())?;
    telemetry::start(config.log.level).map_err(|error| CommandError::Failed(error.to_string()))?;
    let server = Server::build(&config).await?;
    tracing::info!(address = %server.address(), "listening");
    let outcome = server.run(signals::stop()).await;
    outcome.map_err(|error| CommandError::Failed(error.to_string()))
}
