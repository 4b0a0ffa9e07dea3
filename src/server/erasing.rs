//! Builds what `cloakroom erase` needs.

use std::sync::Arc;

use crate::adapters::aws::{AwsClients, S3Buckets, S3Contents};
use crate::adapters::database::{SqlBucketRegistry, SqlDirectory};
use crate::adapters::{OsRandomness, SystemClock};
use crate::config::Config;
use crate::domain::Operator;
use crate::service::{Clock, EraseOwner, EraseOwnerPorts, EraseOwnerSettings, Randomness};

use super::administration::{administer_by, database};
use super::{StartError, parts};

/// [`EraseOwner`] for the configured deployment.
///
/// # Errors
///
/// [`StartError`] names the configuration key at fault.
pub async fn erase_owner(config: &Config, operator: Operator) -> Result<EraseOwner, StartError> {
    erase_owner_by(Arc::new(SystemClock), config, operator).await
}

/// Like [`erase_owner`], but by this clock.
///
/// # Errors
///
/// [`StartError`] names the configuration key at fault.
pub async fn erase_owner_by(
    clock: Arc<dyn Clock>,
    config: &Config,
    operator: Operator,
) -> Result<EraseOwner, StartError> {
    let database = Box::pin(database(config)).await?;
    let registry = SqlBucketRegistry::new(database.clone(), Arc::clone(&clock));
    let clients = Box::pin(AwsClients::new(parts::aws_settings(&config.storage))).await?;
    let directory = Arc::new(SqlDirectory::new(database));
    let freezer = Box::pin(administer_by(Arc::clone(&clock), config, operator.clone())).await?;
    let settings = EraseOwnerSettings {
        formula: config.naming.formula.clone(),
        deployment: registry.deployment(OsRandomness.bits()).await?,
    };
    let ports = EraseOwnerPorts {
        directory: Arc::<SqlDirectory>::clone(&directory),
        erasures: directory,
        buckets: Arc::new(S3Buckets::new(&clients, config.buckets.rules.clone())),
        contents: Arc::new(S3Contents::new(&clients)),
        freezer: Arc::new(freezer),
        clock,
        randomness: Arc::new(OsRandomness),
    };
    Ok(EraseOwner::new(ports, settings, operator))
}
