//! Access keys that last: the broker of this configuration, and what keeps its keys.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::adapters::aws::{AwsClients, AwsSettings, CephBroker, Engine, IamBroker, MinioBroker};
use crate::adapters::database::SqlDirectory;
use crate::adapters::{OsRandomness, OwnerRateLimiter};
use crate::config::{BrokerConfig, BrokerKind, Config};
use crate::service::{
    AccessKeyBroker, AccessKeyKeeper, AccessKeyKeeperPorts, AccessKeyRegistry, Capabilities, Clock,
    RotateAccessKey, RotateAccessKeyPorts, RotateAccessKeySettings,
};

use super::{StartError, parts};

/// How the store is told to hold access keys, if it is.
pub(super) async fn broker(
    config: &Config,
    store: &AwsClients,
    deployment: &str,
) -> Result<Option<Arc<dyn AccessKeyBroker>>, StartError> {
    let Some(broker) = &config.access_keys.broker else {
        return Ok(None);
    };
    let admin = AwsClients::new(admin_settings(config, broker)).await?;
    Ok(Some(match broker.kind {
        BrokerKind::Iam => Arc::new(IamBroker::new(&admin, store, deployment)),
        BrokerKind::Minio => Arc::new(MinioBroker::new(&admin, store, deployment)?),
        BrokerKind::Ceph => Arc::new(CephBroker::new(&admin, store, deployment)?),
    }))
}

/// What keeps the engine and the registry together, if there is a broker.
pub(super) fn keeper(
    broker: Option<&Arc<dyn AccessKeyBroker>>,
    directory: &Arc<SqlDirectory>,
    clock: &Arc<dyn Clock>,
) -> Option<Arc<AccessKeyKeeper>> {
    let broker = broker?;
    Some(Arc::new(AccessKeyKeeper::new(AccessKeyKeeperPorts {
        broker: Arc::clone(broker),
        registry: Arc::<SqlDirectory>::clone(directory),
        clock: Arc::clone(clock),
        randomness: Arc::new(OsRandomness),
    })))
}

/// What "all" meant to a key when it was made must not mean people's buckets now: its pairs are out.
pub(super) async fn check(
    config: &Config,
    registry: &dyn AccessKeyRegistry,
) -> Result<(), StartError> {
    let living = registry.living_access_keys().await?;
    for key in &living {
        let prefix = key.rights.prefix.as_ref();
        let prefix = prefix.filter(|_| key.rights.reaches_all());
        if let Some(prefix) = prefix
            && config.naming.formula.could_begin_with(prefix)
        {
            return Err(StartError::ReachesPeople {
                key: key.id.clone(),
                prefix: prefix.clone(),
            });
        }
    }
    if config.access_keys.broker.is_none() && !living.is_empty() {
        tracing::warn!(
            keys = living.len(),
            "access_keys.broker is none: the pairs of access keys that are out can be neither \
             replaced nor ended"
        );
    }
    Ok(())
}

pub(super) fn rotate_access_key(
    config: &Config,
    broker: Option<Arc<dyn AccessKeyBroker>>,
    directory: &Arc<SqlDirectory>,
    rate_limiter: &Arc<OwnerRateLimiter>,
    clock: &Arc<dyn Clock>,
) -> RotateAccessKey {
    let keys = &config.access_keys;
    let capabilities = keys.capability_key.clone();
    let ports = RotateAccessKeyPorts {
        broker,
        registry: Arc::<SqlDirectory>::clone(directory),
        directory: Arc::<SqlDirectory>::clone(directory),
        rate_limiter: Arc::<OwnerRateLimiter>::clone(rate_limiter),
        capabilities: capabilities.map(|key| -> Arc<dyn Capabilities> { key }),
        clock: Arc::clone(clock),
        randomness: Arc::new(OsRandomness),
        runtime: Handle::current(),
    };
    let settings = RotateAccessKeySettings {
        formula: config.naming.formula.clone(),
        scope: keys.scope.clone(),
        oauth_scope: keys.oauth_scope.clone(),
        has_bucket_prefix: keys.bucket_prefix.is_some(),
        overlap: keys.overlap,
    };
    RotateAccessKey::new(ports, settings)
}

/// The store's own settings, but for who asks and where IAM is.
fn admin_settings(config: &Config, broker: &BrokerConfig) -> AwsSettings {
    let mut settings = parts::aws_settings(&config.storage);
    if let Some(endpoint) = &broker.endpoint {
        settings.endpoint = Some(endpoint.as_str().trim_end_matches('/').to_owned());
    }
    let is_aws = config.storage.engine == Engine::Aws && broker.kind == BrokerKind::Iam;
    if is_aws && broker.endpoint.is_none() {
        // IAM is elsewhere than S3 there.
        settings.endpoint = None;
    }
    settings.identity = Some(broker.identity.clone());
    settings
}
