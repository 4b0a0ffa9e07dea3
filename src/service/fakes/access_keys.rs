use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::runtime::Handle;

use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyRights, AccessKeyState, AuditEvent, BucketFormula, BucketName,
    Scope,
};
use crate::service::{
    AccessKeyRegistry, HeldLease, KnownBuckets, RecordedPair, RegistryError, RotateAccessKey,
    RotateAccessKeyPorts, RotateAccessKeySettings, RotationAdmission, Taken, Unfinished,
};

use super::{FakeDirectory, FixedClock, Nothing};

/// A `RotateAccessKey` whose registry holds nothing.
pub(crate) fn test_rotate_key() -> RotateAccessKey {
    let ports = RotateAccessKeyPorts {
        broker: None,
        registry: Arc::new(Nothing),
        keeper: None,
        directory: Arc::new(FakeDirectory::default()),
        rate_limiter: Arc::new(Nothing),
        clock: Arc::new(FixedClock),
        randomness: Arc::new(Nothing),
    };
    let settings = RotateAccessKeySettings {
        formula: BucketFormula::default(),
        has_bucket_prefix: false,
        overlap: Duration::ZERO,
    };
    let scope = Scope::parse("object_storage").unwrap();
    let admission = RotationAdmission {
        oauth_scope: scope.clone(),
        scope,
        capabilities: None,
    };
    RotateAccessKey::new(ports, settings, admission, Handle::current())
}

fn no_registry<T>() -> Result<T, RegistryError> {
    Err(RegistryError::new("nothing"))
}

#[async_trait]
impl AccessKeyRegistry for Nothing {
    async fn access_keys(&self) -> Result<Vec<AccessKey>, RegistryError> {
        no_registry()
    }

    async fn living_access_keys(&self) -> Result<Vec<AccessKey>, RegistryError> {
        no_registry()
    }

    async fn access_key(&self, _: &AccessKeyId) -> Result<Option<AccessKey>, RegistryError> {
        no_registry()
    }

    async fn keys_that_reach(&self, _: &BucketName) -> Result<Vec<AccessKey>, RegistryError> {
        no_registry()
    }

    async fn known_buckets(&self, _: &AccessKeyRights) -> Result<KnownBuckets, RegistryError> {
        no_registry()
    }

    async fn add_access_key(
        &self,
        _: &AccessKey,
        _: &BucketFormula,
        _: &AuditEvent,
    ) -> Result<Option<String>, RegistryError> {
        no_registry()
    }

    async fn note(&self, _: &AuditEvent) -> Result<(), RegistryError> {
        no_registry()
    }

    async fn disable_access_key(
        &self,
        _: &AccessKeyId,
        _: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        no_registry()
    }

    async fn delete_access_key(
        &self,
        _: &AccessKeyId,
        _: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        no_registry()
    }

    async fn forget_access_key(&self, _: &AccessKeyId, _: &str) -> Result<(), RegistryError> {
        no_registry()
    }

    async fn mark_clean(
        &self,
        _: &AccessKeyId,
        _: &str,
        _: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        no_registry()
    }

    async fn check_formula(&self) -> Result<(), RegistryError> {
        no_registry()
    }

    async fn take(
        &self,
        _: &AccessKeyId,
        _: &str,
        _: DateTime<Utc>,
        _: DateTime<Utc>,
        _: Option<&HeldLease>,
    ) -> Result<Taken, RegistryError> {
        no_registry()
    }

    async fn renew(&self, _: &AccessKeyId, _: &str) -> Result<bool, RegistryError> {
        no_registry()
    }

    async fn leases(&self) -> Result<Vec<HeldLease>, RegistryError> {
        no_registry()
    }

    async fn begin_rotation(
        &self,
        _: &AccessKeyId,
        _: &str,
        _: DateTime<Utc>,
        _: DateTime<Utc>,
    ) -> Result<bool, RegistryError> {
        no_registry()
    }

    async fn record_pair(
        &self,
        _: &AccessKeyId,
        _: &str,
        _: &str,
        _: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        no_registry()
    }

    async fn promote_pair(
        &self,
        _: &AccessKeyId,
        _: &str,
        _: &str,
        _: DateTime<Utc>,
    ) -> Result<bool, RegistryError> {
        no_registry()
    }

    async fn give_up_pair(
        &self,
        _: &AccessKeyId,
        _: &str,
        _: &str,
        _: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        Ok(())
    }

    async fn end_rotation(
        &self,
        _: &AccessKeyId,
        _: &str,
        _: Option<AccessKeyState>,
        _: bool,
    ) -> Result<(), RegistryError> {
        no_registry()
    }

    async fn recorded_pairs(&self, _: &AccessKeyId) -> Result<Vec<RecordedPair>, RegistryError> {
        no_registry()
    }

    async fn forget_pair(&self, _: &AccessKeyId, _: &str) -> Result<(), RegistryError> {
        no_registry()
    }

    async fn unfinished(
        &self,
        _: DateTime<Utc>,
        _: DateTime<Utc>,
    ) -> Result<Vec<Unfinished>, RegistryError> {
        no_registry()
    }
}
