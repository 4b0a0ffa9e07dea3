use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyOwner, AccessKeyRights, AccessKeyState, BucketFormula, Scope,
    Subject,
};
use crate::service::{
    Clock, CurrentRestrictions, Randomness, RotateAccessKey, RotateAccessKeyPorts,
    RotateAccessKeySettings,
};

use super::{FakeAccessKeyRegistry, FakeBroker, FakeDirectory, FixedClock, Nothing};

/// An access key of alice's that reads the bucket `data`.
pub(crate) fn test_access_key() -> AccessKey {
    AccessKey {
        id: AccessKeyId::from_random([7; 16]),
        name: "test".to_owned(),
        created_at: FixedClock.now(),
        owner: AccessKeyOwner::Subject(Subject::parse("alice").unwrap()),
        rights: AccessKeyRights {
            read_buckets: vec!["data".parse().unwrap()],
            ..AccessKeyRights::default()
        },
        networks: Vec::new(),
        state: AccessKeyState::Active,
        disabled_at: None,
    }
}

/// A `RotateAccessKey` over these fakes.
pub(crate) fn rotate_access_key(
    registry: Arc<FakeAccessKeyRegistry>,
    broker: Arc<FakeBroker>,
    randomness: Arc<dyn Randomness>,
) -> RotateAccessKey {
    let ports = RotateAccessKeyPorts {
        broker: Some(broker),
        restrictions: Arc::new(CurrentRestrictions::new(
            Arc::<FakeAccessKeyRegistry>::clone(&registry),
            Arc::new(FixedClock),
            BucketFormula::default(),
        )),
        registry,
        directory: Arc::new(FakeDirectory::default()),
        rate_limiter: Arc::new(Nothing),
        capabilities: None,
        clock: Arc::new(FixedClock),
        randomness,
        runtime: Handle::current(),
    };
    let scope = Scope::parse("object_storage").unwrap();
    let settings = RotateAccessKeySettings {
        formula: BucketFormula::default(),
        oauth_scope: scope.clone(),
        scope,
        has_bucket_prefix: false,
        overlap: Duration::ZERO,
    };
    RotateAccessKey::new(ports, settings)
}

/// The same, for one access key.
pub(crate) fn test_rotate_access_key() -> RotateAccessKey {
    let registry = Arc::new(FakeAccessKeyRegistry::new(test_access_key()));
    rotate_access_key(registry, Arc::default(), Arc::new(Nothing))
}
