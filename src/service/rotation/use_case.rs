use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::domain::{
    AccessKey, AccessKeyId, BucketFormula, KeyPair, Owner, OwnerDigest, OwnerPseudonym, RequestId,
    Scope,
};
use crate::service::{Clock, CurrentRestrictions, Directory, Randomness, RateLimiter};

use super::caller::{Capabilities, RotationCaller};
use super::ports::{AccessKeyBroker, AccessKeyRegistry};
use super::rotations::Rotations;

/// The use case "rotate an access key".
pub struct RotateAccessKey(pub(super) Arc<Work>);

/// What the use case and its detached tasks share.
pub(super) struct Work {
    pub(super) ports: RotateAccessKeyPorts,
    pub(super) settings: RotateAccessKeySettings,
    pub(super) rotations: Rotations,
}

/// The ports of [`RotateAccessKey`].
pub struct RotateAccessKeyPorts {
    /// The engine; `None` if no broker is configured.
    pub broker: Option<Arc<dyn AccessKeyBroker>>,
    /// The registry.
    pub registry: Arc<dyn AccessKeyRegistry>,
    /// Knows organisations.
    pub directory: Arc<dyn Directory>,
    /// Tells whom operators have blocked.
    pub restrictions: Arc<CurrentRestrictions>,
    /// Limits how often a key may be rotated.
    pub rate_limiter: Arc<dyn RateLimiter<OwnerDigest>>,
    /// Checks capability tokens, if there are any.
    pub capabilities: Option<Arc<dyn Capabilities>>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Names leases.
    pub randomness: Arc<dyn Randomness>,
    /// Runs the detached tasks.
    pub runtime: Handle,
}

/// The settings of [`RotateAccessKey`].
#[derive(Clone, Debug)]
pub struct RotateAccessKeySettings {
    /// How buckets of principals are named. Only their owners' keys may reach them.
    pub formula: BucketFormula,
    /// The scope that an API key must have.
    pub scope: Scope,
    /// The scope that an access token must have.
    pub oauth_scope: Scope,
    /// Whether `access_keys.bucket_prefix` is set.
    pub has_bucket_prefix: bool,
    /// How long the pair before the new one remains valid.
    pub overlap: Duration,
}

/// A request for a rotation.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The id of the request.
    pub request_id: RequestId,
    /// The dialect that the request speaks.
    pub dialect: &'static str,
    /// Who is asking.
    pub caller: RotationCaller,
    /// The client's address, if it is known for certain.
    pub address: Option<IpAddr>,
    /// The key to rotate.
    pub key: AccessKeyId,
}

/// A key with its new pair.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The key with its new state.
    pub key: AccessKey,
    /// The new pair.
    pub pair: KeyPair,
}

impl RotateAccessKey {
    /// Makes the use case.
    #[must_use]
    pub fn new(ports: RotateAccessKeyPorts, settings: RotateAccessKeySettings) -> Self {
        Self(Arc::new(Work {
            ports,
            settings,
            rotations: Rotations::default(),
        }))
    }

    /// The rotations under way.
    #[must_use]
    pub fn rotations(&self) -> Rotations {
        self.0.rotations.clone()
    }
}

impl Work {
    /// The owner that the rate limiter counts under.
    pub(super) fn digest(&self, key: &AccessKeyId) -> OwnerDigest {
        self.settings.formula.digest(&Owner::AccessKey(key.clone()))
    }

    /// The access key's name as an owner in the log.
    pub(super) fn pseudonym(&self, key: &AccessKeyId) -> OwnerPseudonym {
        self.digest(key).pseudonym()
    }
}
