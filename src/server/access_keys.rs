//! Builds what access keys need: the configured broker, the keeper and the use case.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::adapters::aws::{AwsClients, AwsSettings, CephBroker, IamBroker, MinioBroker};
use crate::adapters::database::SqlDirectory;
use crate::adapters::{OsRandomness, OwnerRateLimiter};
use crate::config::{BrokerConfig, BrokerKind, Config};
use crate::service::{
    AccessKeyBroker, AccessKeyKeeper, AccessKeyKeeperPorts, AccessKeyRegistry, Capabilities, Clock,
    CurrentRestrictions, RotateAccessKey, RotateAccessKeyPorts, RotateAccessKeySettings,
};

use super::{StartError, parts};

/// The configured broker, if there is one.
pub(super) async fn broker(
    config: &Config,
    store: &AwsClients,
    deployment: &str,
) -> Result<Option<Arc<dyn AccessKeyBroker>>, StartError> {
    let Some(broker) = &config.access_keys.broker else {
        return Ok(None);
    };
    let admin = AwsClients::new(admin_settings(config, broker, store)).await?;
    Ok(Some(match broker.kind {
        BrokerKind::Iam => Arc::new(IamBroker::new(&admin, store, deployment)),
        BrokerKind::Minio => Arc::new(MinioBroker::new(&admin, store, deployment)?),
        BrokerKind::Ceph => Arc::new(CephBroker::new(&admin, store, deployment)?),
    }))
}

/// The keeper, which reconciles the engine with the registry, if there is a broker.
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

/// Fails if a live access key for "all buckets" would now reach people's buckets.
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
            "access_keys.broker is none: the live pairs of access keys can be neither rotated nor \
             revoked"
        );
    }
    Ok(())
}

pub(super) fn rotate_access_key(
    config: &Config,
    broker: Option<Arc<dyn AccessKeyBroker>>,
    directory: &Arc<SqlDirectory>,
    restrictions: &Arc<CurrentRestrictions>,
    rate_limiter: &Arc<OwnerRateLimiter>,
    clock: &Arc<dyn Clock>,
) -> RotateAccessKey {
    let keys = &config.access_keys;
    let capabilities = keys.capability_key.clone();
    let ports = RotateAccessKeyPorts {
        broker,
        registry: Arc::<SqlDirectory>::clone(directory),
        directory: Arc::<SqlDirectory>::clone(directory),
        restrictions: Arc::clone(restrictions),
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

/// The store's settings with the administrator's identity and endpoint.
fn admin_settings(config: &Config, broker: &BrokerConfig, store: &AwsClients) -> AwsSettings {
    let mut settings = AwsSettings {
        calls: store.calls(),
        ..parts::aws_settings(&config.storage)
    };
    if let Some(endpoint) = &broker.endpoint {
        settings.endpoint = Some(endpoint.as_str().trim_end_matches('/').to_owned());
    }
    let is_known = config.storage.engine.has_known_endpoints() && broker.kind == BrokerKind::Iam;
    if is_known && broker.endpoint.is_none() {
        // On AWS, IAM has an endpoint of its own.
        settings.endpoint = None;
    }
    settings.identity = Some(broker.identity.clone());
    settings
}
