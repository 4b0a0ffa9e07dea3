//! Builds what `cloakroom org`, `api-key`, `workspace`, `bucket` and `audit` need. They work on the
//! database, beside a running gateway.

use std::sync::Arc;

use secrecy::ExposeSecret;
use tokio::runtime::Handle;

use crate::adapters::aws::{AwsClients, S3Buckets, S3Objects, StsSessions};
use crate::adapters::database::{Database, SqlBucketRegistry, SqlDirectory};
use crate::adapters::{OsRandomness, SystemClock};
use crate::config::Config;
use crate::domain::{Loopholes, Operator};
use crate::service::{
    Administer, AdministerPorts, AdministerSettings, Buckets, Clock, Randomness, ShowBuckets,
};

use super::{StartError, access_keys, fingerprint, parts};

/// [`Administer`] for the configured deployment, with the gateway's adapters.
///
/// # Errors
///
/// [`StartError`] names the configuration key at fault.
pub async fn administer(config: &Config, operator: Operator) -> Result<Administer, StartError> {
    administer_by(Arc::new(SystemClock), config, operator).await
}

/// Like [`administer`], but by this clock.
///
/// # Errors
///
/// [`StartError`] names the configuration key at fault.
pub async fn administer_by(
    clock: Arc<dyn Clock>,
    config: &Config,
    operator: Operator,
) -> Result<Administer, StartError> {
    let database = Box::pin(database(config)).await?;
    let registry = Arc::new(SqlBucketRegistry::new(database.clone(), Arc::clone(&clock)));
    let clients = Box::pin(AwsClients::new(parts::aws_settings(&config.storage))).await?;
    let buckets = Arc::new(S3Buckets::new(&clients, config.buckets.rules.clone()));
    let ensure_bucket: Arc<dyn Buckets> = Arc::<S3Buckets>::clone(&buckets);
    let ensure_bucket = parts::ensure_bucket(config, ensure_bucket, &registry, Handle::current());
    let directory = Arc::new(SqlDirectory::new(database));
    let deployment = registry.deployment(OsRandomness.bits()).await?;
    let broker = Box::pin(access_keys::broker(config, &clients, &deployment)).await?;
    let loopholes = broker
        .as_ref()
        .map_or(Loopholes::NONE, |broker| broker.loopholes());
    let revoke_sessions = parts::revoke_sessions(config, &clients, &directory, &clock)?;
    let ports = AdministerPorts {
        revoke_sessions,
        keeper: access_keys::keeper(broker.as_ref(), &directory, &clock),
        buckets,
        erasures: Arc::<SqlDirectory>::clone(&directory),
        administration: directory,
        registry: Arc::<SqlBucketRegistry>::clone(&registry),
        ensure_bucket: Arc::new(ensure_bucket.await?),
        sessions: Arc::new(StsSessions::new(&clients, Arc::clone(&clock))),
        objects: Arc::new(S3Objects::new(&clients)),
        clock,
        randomness: Arc::new(OsRandomness),
    };
    let settings = AdministerSettings {
        formula: config.naming.formula.clone(),
        bucket_prefix: config.access_keys.bucket_prefix.clone(),
        loopholes,
        deployment,
        session_policies: config.storage.session_policies(),
        session_duration: config.storage.session_duration,
    };
    Ok(Administer::new(ports, settings, operator))
}

/// [`ShowBuckets`] for the configured deployment.
///
/// # Errors
///
/// [`StartError`] names the configuration key at fault.
pub async fn show_buckets(config: &Config) -> Result<ShowBuckets, StartError> {
    let directory = SqlDirectory::new(Box::pin(database(config)).await?);
    let clients = Box::pin(AwsClients::new(parts::aws_settings(&config.storage))).await?;
    Ok(ShowBuckets {
        administration: Arc::new(directory),
        buckets: Arc::new(S3Buckets::new(&clients, config.buckets.rules.clone())),
        formula: config.naming.formula.clone(),
    })
}

/// The gateway's database, if its fingerprint matches the configuration. Only the gateway creates and
/// migrates it.
///
/// # Errors
///
/// [`StartError`] names the configuration key at fault.
pub async fn database(config: &Config) -> Result<Database, StartError> {
    let url = config.database.url.borrow().clone();
    let database = Database::open_existing(url.expose_secret()).await?;
    let database = database.with_known_fingerprint(fingerprint(config)).await?;
    let registry = SqlBucketRegistry::new(database.clone(), Arc::new(SystemClock));
    let changes = registry.check_fingerprint().await?;
    if changes.is_empty() {
        Ok(database)
    } else {
        Err(StartError::FingerprintChanged(changes))
    }
}
