use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyOwner, AccessKeyPolicy, AccessKeyPolicyError, AccessKeyState,
    BucketFormula, KeyPair, Loopholes, Owner, OwnerDigest, OwnerPseudonym, RequestId,
};
use crate::service::{
    AccessKeyRefusal, Clock, Deadline, Directory, Limit, Randomness, RateLimiter, Refusal,
    RegistryError, UpstreamError,
};

use super::run::{Admitted, Progress, run};
use super::tenants::bucket_of_others_now;
use super::timing::{CHECK_LIMIT, MAKE_LIMIT, PROOF_PATIENCE, TRANSACTION_LIMIT};
use super::{
    AccessKeyBroker, AccessKeyKeeper, AccessKeyRegistry, RotationAdmission, RotationCaller,
    Rotations,
};

/// The use case "new credentials for an access key that lasts".
pub struct RotateAccessKey {
    pub(super) admission: RotationAdmission,
    work: Arc<Work>,
    runtime: Handle,
}

pub(super) struct Work {
    pub(super) ports: RotateAccessKeyPorts,
    pub(super) settings: RotateAccessKeySettings,
    pub(super) rotations: Rotations,
}

/// What [`RotateAccessKey`] needs from outside.
pub struct RotateAccessKeyPorts {
    /// The engine; none where it cannot hold such keys.
    pub broker: Option<Arc<dyn AccessKeyBroker>>,
    /// Access keys.
    pub registry: Arc<dyn AccessKeyRegistry>,
    /// Keeps both together.
    pub keeper: Option<Arc<AccessKeyKeeper>>,
    /// Organisations.
    pub directory: Arc<dyn Directory>,
    /// How often a key may be rotated.
    pub rate_limiter: Arc<dyn RateLimiter<OwnerDigest>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Names rotations.
    pub randomness: Arc<dyn Randomness>,
}

/// What [`RotateAccessKey`] is told by the configuration.
#[derive(Clone, Debug)]
pub struct RotateAccessKeySettings {
    /// How people's buckets are named, which no key may reach unless it is theirs.
    pub formula: BucketFormula,
    /// Whether "all" means anything here.
    pub has_bucket_prefix: bool,
    /// How long the pair before the new one lives on.
    pub overlap: Duration,
}

/// One rotation to be made.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The request that asks.
    pub request_id: RequestId,
    /// The dialect it speaks.
    pub dialect: &'static str,
    /// Who asks.
    pub caller: RotationCaller,
    /// From where.
    pub address: Option<IpAddr>,
    /// Of which key.
    pub key: AccessKeyId,
}

/// A key with its new pair.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The key, its state included.
    pub key: AccessKey,
    /// The new pair.
    pub pair: KeyPair,
}

impl RotateAccessKey {
    /// Puts the use case together. Detached tasks run on `runtime`.
    #[must_use]
    pub fn new(
        ports: RotateAccessKeyPorts,
        settings: RotateAccessKeySettings,
        admission: RotationAdmission,
        runtime: Handle,
    ) -> Self {
        Self {
            admission,
            work: Arc::new(Work {
                ports,
                settings,
                rotations: Rotations::default(),
            }),
            runtime,
        }
    }

    /// The rotations under way, to be waited for.
    #[must_use]
    pub fn rotations(&self) -> Rotations {
        self.work.rotations.clone()
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.work.ports.clock.now()
    }

    /// Makes a new pair and, once it is proven, ends the one before. All that is done to the key is
    /// done by a detached task, which goes on or gives the key back when nobody waits for it any more.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] of the first step that fails.
    pub async fn rotate(&self, rotation: Rotation, deadline: Deadline) -> Result<Rotated, Refusal> {
        let patience = Deadline::after(PROOF_PATIENCE);
        let late = |_| RegistryError::late("looking at an access key");
        let admitted = deadline.limit(CHECK_LIMIT, self.work.admit(rotation));
        let admitted = admitted.await.map_err(late)??;
        let mut key = admitted.key.clone();
        let (tell, mut told) = mpsc::unbounded_channel();
        let running = run(Arc::clone(&self.work), admitted, tell);
        self.runtime.spawn(self.work.rotations.track(running));
        let late = |_| AccessKeyRefusal::NotQueued(RegistryError::late("rotation").to_string());
        let taken = deadline.limit(TRANSACTION_LIMIT, next(&mut told)).await;
        taken.map_err(late)??;
        let late = |_| Refusal::Store(UpstreamError::timeout("making the pair"));
        let made = deadline.limit(MAKE_LIMIT, next(&mut told)).await;
        let Progress::Made(pair, acknowledge) = made.map_err(late)?? else {
            return Err(cut_off());
        };
        acknowledge.send(()).map_err(|()| cut_off())?;
        let proven = deadline.limit(PROOF_PATIENCE, next(&mut told));
        key.state = match patience.limit(PROOF_PATIENCE, proven).await.flatten() {
            Ok(Err(refusal)) => return Err(refusal),
            Ok(Ok(Progress::Proven)) => AccessKeyState::Active,
            Ok(Ok(_)) | Err(_) => AccessKeyState::Pending,
        };
        Ok(Rotated { key, pair })
    }
}

async fn next(
    told: &mut UnboundedReceiver<Result<Progress, Refusal>>,
) -> Result<Progress, Refusal> {
    told.recv().await.unwrap_or_else(|| Err(cut_off()))
}

fn cut_off() -> Refusal {
    Refusal::Internal("the rotation was cut off".to_owned())
}

impl Work {
    fn digest(&self, key: &AccessKeyId) -> OwnerDigest {
        self.settings.formula.digest(&Owner::AccessKey(key.clone()))
    }

    /// What the log calls an access key as an owner.
    pub(super) fn pseudonym(&self, key: &AccessKeyId) -> OwnerPseudonym {
        self.digest(key).pseudonym()
    }

    /// Who may, from where, how often, to what.
    async fn admit(&self, rotation: Rotation) -> Result<Admitted, Refusal> {
        let found = self.ports.registry.access_key(&rotation.key).await?;
        let key = found.ok_or(AccessKeyRefusal::NoSuchKey)?;
        self.check_owner(&key, &rotation.caller).await?;
        check_network(&key, rotation.address)?;
        let taken = self.ports.rate_limiter.take(&self.digest(&key.id));
        taken.map_err(|spent| spent.of(Limit::Owner))?;
        let (Some(broker), Some(keeper)) = (&self.ports.broker, &self.ports.keeper) else {
            return Err(AccessKeyRefusal::NoBroker.into());
        };
        self.ports.registry.check_formula().await?;
        let policy = self.policy(&key, broker.loopholes(), &rotation).await?;
        Ok(Admitted {
            rotation,
            key,
            policy,
            broker: Arc::clone(broker),
            keeper: Arc::clone(keeper),
        })
    }

    async fn check_owner(&self, key: &AccessKey, caller: &RotationCaller) -> Result<(), Refusal> {
        if matches!(caller, RotationCaller::Caller(caller) if !key.owner.is(caller)) {
            return Err(AccessKeyRefusal::NotTheirs.into());
        }
        if key.disabled_at.is_some() {
            return Err(AccessKeyRefusal::Disabled.into());
        }
        if let AccessKeyOwner::Organisation(slug) = &key.owner {
            let found = self.ports.directory.organisation(slug).await?;
            if !found.is_some_and(|organisation| organisation.is_enabled) {
                return Err(AccessKeyRefusal::Disabled.into());
            }
        }
        Ok(())
    }

    /// The claims are looked at each time: a bucket may have become somebody's since.
    async fn policy(
        &self,
        key: &AccessKey,
        loopholes: Loopholes,
        rotation: &Rotation,
    ) -> Result<AccessKeyPolicy, Refusal> {
        let registry = self.ports.registry.as_ref();
        if let Some(bucket) = bucket_of_others_now(registry, &self.settings.formula, key).await? {
            tracing::error!(
                request_id = %rotation.request_id,
                owner = %self.pseudonym(&key.id),
                alarm = "access-key-conflict",
                key = %key.id,
                bucket,
                "a bucket of an access key's has become somebody else's: disable the key"
            );
            return Err(AccessKeyRefusal::SomebodyElses.into());
        }
        if key.rights.reaches_all() && !self.settings.has_bucket_prefix {
            return Err(AccessKeyRefusal::NoPolicy(AccessKeyPolicyError::NoPrefix).into());
        }
        let policy = AccessKeyPolicy::for_rights(&key.rights, loopholes);
        policy.map_err(|error| AccessKeyRefusal::NoPolicy(error).into())
    }
}

/// No network is any; an address that is not known is in none.
fn check_network(key: &AccessKey, address: Option<IpAddr>) -> Result<(), AccessKeyRefusal> {
    let is_inside = address.is_some_and(|address| {
        let mut networks = key.networks.iter();
        networks.any(|network| network.contains(&address))
    });
    if key.networks.is_empty() || is_inside {
        Ok(())
    } else {
        Err(AccessKeyRefusal::Network)
    }
}
