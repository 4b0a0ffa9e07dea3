use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyState, BucketFormula, Change, KeyOwner, KeyPair, KeyPolicy,
    KeyPolicyError, Loopholes, Owner, RequestId,
};
use crate::service::{
    Clock, Deadline, Directory, KeyRefusal, Randomness, RateLimiter, Refusal, RegistryError,
    UpstreamFailure,
};

use super::claims::claimed;
use super::keeper::{KeeperError, STALE};
use super::proof::prove;
use super::{AccessKeys, KeyAdmission, KeyKeeper, KeyRegistry, Requester};

/// How long an answer waits for the proof that the new pair works.
const PROOF_PATIENCE: Duration = Duration::from_secs(2);

/// How long the engine may take to make a pair, and to end one. Twice this and the proof are less
/// than [`STALE`], so that no rotation goes on after another has taken its key.
const ENGINE_LIMIT: Duration = Duration::from_secs(15);

/// The use case "new credentials for an access key that lasts".
pub struct RotateKey {
    pub(super) admission: KeyAdmission,
    work: Arc<Work>,
    runtime: Handle,
}

struct Work {
    ports: RotateKeyPorts,
    settings: RotateKeySettings,
}

/// What [`RotateKey`] needs from outside.
pub struct RotateKeyPorts {
    /// The engine; none where it cannot hold such keys.
    pub engine: Option<Arc<dyn AccessKeys>>,
    /// Access keys.
    pub registry: Arc<dyn KeyRegistry>,
    /// Keeps both together.
    pub keeper: Option<Arc<KeyKeeper>>,
    /// Organisations.
    pub directory: Arc<dyn Directory>,
    /// How often a key may be rotated.
    pub rate_limiter: Arc<dyn RateLimiter>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Names rotations.
    pub randomness: Arc<dyn Randomness>,
}

/// What [`RotateKey`] is told by the configuration.
#[derive(Clone, Debug)]
pub struct RotateKeySettings {
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
    pub requester: Requester,
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

/// A rotation under way.
struct Begun {
    rotation: Rotation,
    key: AccessKey,
    policy: KeyPolicy,
    /// By which it holds the key in the registry.
    lease: String,
}

impl RotateKey {
    /// Puts the use case together. Detached tasks run on `runtime`.
    #[must_use]
    pub fn new(
        ports: RotateKeyPorts,
        settings: RotateKeySettings,
        admission: KeyAdmission,
        runtime: Handle,
    ) -> Self {
        Self {
            admission,
            work: Arc::new(Work { ports, settings }),
            runtime,
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.work.ports.clock.now()
    }

    /// Makes a new pair and ends the one before. The rotation is a detached task: it goes on when
    /// nobody waits for it any more.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] of the first step that fails.
    pub async fn rotate(&self, rotation: Rotation, deadline: Deadline) -> Result<Rotated, Refusal> {
        let begun = self.work.begin(rotation).await?;
        let mut key = begun.key.clone();
        let (issued, pair) = oneshot::channel();
        let (proven, proof) = oneshot::channel();
        let patience = Deadline::after(PROOF_PATIENCE);
        let work = Arc::clone(&self.work);
        self.runtime.spawn(work.run(begun, issued, proven));
        let gone = || Refusal::Internal("the rotation was cut off".to_owned());
        let pair = deadline
            .limit(ENGINE_LIMIT, pair)
            .await
            .map_err(|_| Refusal::Store(UpstreamFailure::timeout("making the pair")))?
            .map_err(|_| gone())??;
        key.state = match patience.limit(PROOF_PATIENCE, proof).await {
            Ok(Ok(state)) => state,
            Ok(Err(_)) => return Err(gone()),
            Err(_) => AccessKeyState::Pending,
        };
        Ok(Rotated { key, pair })
    }
}

impl Work {
    /// Who may, from where, how often, to what; then the key is taken.
    async fn begin(&self, rotation: Rotation) -> Result<Begun, Refusal> {
        let found = self.ports.registry.access_key(&rotation.key).await?;
        let key = found.ok_or(KeyRefusal::NoSuchKey)?;
        self.check_owner(&key, &rotation.requester).await?;
        check_network(&key, rotation.address)?;
        let owner = Owner::AccessKey(key.id.clone());
        let digest = self.settings.formula.digest(&owner);
        let taken = self.ports.rate_limiter.take(&digest);
        taken.map_err(|retry_after| Refusal::RateLimited { retry_after })?;
        let engine = self.ports.engine.as_ref().ok_or(KeyRefusal::NoBroker)?;
        let policy = self.policy(&key, engine.loopholes()).await?;
        let lease = hex::encode(self.ports.randomness.bits());
        let now = self.ports.clock.now();
        let begun = self
            .ports
            .registry
            .begin_rotation(&key.id, &lease, now, now - STALE)
            .await
            .map_err(|error| KeyRefusal::NotQueued(error.to_string()))?;
        if !begun {
            return Err(KeyRefusal::Pending.into());
        }
        Ok(Begun {
            rotation,
            key,
            policy,
            lease,
        })
    }

    async fn check_owner(&self, key: &AccessKey, requester: &Requester) -> Result<(), Refusal> {
        if matches!(requester, Requester::Caller(caller) if !key.owner.is(caller)) {
            return Err(KeyRefusal::NotTheirs.into());
        }
        if key.disabled_at.is_some() {
            return Err(KeyRefusal::Disabled.into());
        }
        if let KeyOwner::Organisation(slug) = &key.owner {
            let found = self.ports.directory.organisation(slug).await?;
            if !found.is_some_and(|organisation| organisation.is_enabled) {
                return Err(KeyRefusal::Disabled.into());
            }
        }
        Ok(())
    }

    /// The claims are looked at each time: a bucket may have become somebody's since.
    async fn policy(&self, key: &AccessKey, loopholes: Loopholes) -> Result<KeyPolicy, Refusal> {
        let registry = self.ports.registry.as_ref();
        if let Some(bucket) = claimed(registry, &self.settings.formula, key).await? {
            tracing::error!(
                alarm = "access-key-conflict",
                key = %key.id,
                bucket,
                "a bucket of an access key's has become somebody else's: disable the key"
            );
            return Err(KeyRefusal::SomebodyElses.into());
        }
        if key.rights.reaches_all() && !self.settings.has_bucket_prefix {
            return Err(KeyRefusal::NoPolicy(KeyPolicyError::NoPrefix).into());
        }
        let policy = KeyPolicy::for_rights(&key.rights, loopholes);
        policy.map_err(|error| KeyRefusal::NoPolicy(error).into())
    }

    /// Nothing is handed out before it is on record, and then at once: ending the pair before may
    /// take the engine a while.
    async fn run(
        self: Arc<Self>,
        begun: Begun,
        issued: oneshot::Sender<Result<KeyPair, Refusal>>,
        proven: oneshot::Sender<AccessKeyState>,
    ) {
        let (Some(engine), Some(keeper)) = (&self.ports.engine, &self.ports.keeper) else {
            return;
        };
        let pair = match self.make(engine, keeper, &begun, &issued).await {
            Ok(pair) => pair,
            Err(refusal) => {
                self.give_up(keeper, &begun).await;
                let _ = issued.send(Err(refusal));
                return;
            }
        };
        let id = &begun.key.id;
        if issued.send(Ok(pair.clone())).is_err() {
            tracing::warn!(key = %id, "whoever asked for a new pair has gone, and has to ask again");
        }
        let settling = keeper.settle(id, self.ports.clock.now());
        // One that cannot be ended now is ended by the keeper.
        match tokio::time::timeout(ENGINE_LIMIT, settling).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, key = %id, "the old pair lives on for now"),
            Err(_) => tracing::warn!(key = %id, "the old pair lives on for now: no answer in time"),
        }
        let bucket = begun.key.rights.buckets().first().copied();
        let state = match prove(engine.as_ref(), &pair, bucket).await {
            Ok(()) => AccessKeyState::Active,
            Err(failure) => {
                tracing::error!(cause = %failure, key = %id, "the store does not take a new pair");
                AccessKeyState::Failed
            }
        };
        self.end(&begun, Some(state)).await;
        let _ = proven.send(state);
    }

    /// Only the current pair is kept beside the new one: engines hold two at the most.
    async fn make(
        &self,
        engine: &Arc<dyn AccessKeys>,
        keeper: &KeyKeeper,
        begun: &Begun,
        asked: &oneshot::Sender<Result<KeyPair, Refusal>>,
    ) -> Result<KeyPair, Refusal> {
        let id = &begun.key.id;
        let making = async {
            keeper.keep_current(id).await?;
            Ok::<_, KeeperError>(engine.issue(id, &begun.policy).await?)
        };
        let late = |_| Refusal::Store(UpstreamFailure::timeout("making the pair"));
        let pair = tokio::time::timeout(ENGINE_LIMIT, making).await;
        let pair = pair.map_err(late)??;
        // Whoever asked has gone: nobody would have the new pair, and everybody needs the old one.
        if asked.is_closed() {
            self.take_back(engine, begun, &pair).await;
            return Err(Refusal::Internal("whoever asked has gone".to_owned()));
        }
        if let Err(refusal) = self.record(begun, &pair).await {
            self.take_back(engine, begun, &pair).await;
            return Err(refusal);
        }
        Ok(pair)
    }

    async fn record(&self, begun: &Begun, pair: &KeyPair) -> Result<(), Refusal> {
        let registry = &self.ports.registry;
        let id = &begun.key.id;
        let now = self.ports.clock.now();
        let change = Change {
            time: now,
            request_id: begun.rotation.request_id,
            dialect: begun.rotation.dialect,
            who: begun.rotation.requester.to_string(),
            action: "access-key rotate",
            owner: Owner::AccessKey(id.clone()),
            holder: Some(begun.key.owner.clone()),
            area: None,
            key: Some(pair.access_key_id.clone()),
            detail: begun.key.rights.to_string(),
        };
        let ends = now + self.settings.overlap;
        let recorded = registry.record_pair(id, &begun.lease, &pair.access_key_id, ends, &change);
        match recorded.await {
            Ok(true) => Ok(()),
            // It was disabled or deleted meanwhile, and what is gone must not come back.
            Ok(false) => Err(match registry.access_key(id).await? {
                Some(key) if key.disabled_at.is_some() => KeyRefusal::Disabled.into(),
                Some(_) => KeyRefusal::Pending.into(),
                None => KeyRefusal::NoSuchKey.into(),
            }),
            Err(error) => {
                // A commit whose answer was lost may have been made all the same.
                if self.is_on_record(id, pair).await? {
                    return Ok(());
                }
                Err(KeyRefusal::NotQueued(error.to_string()).into())
            }
        }
    }

    async fn is_on_record(&self, id: &AccessKeyId, pair: &KeyPair) -> Result<bool, RegistryError> {
        let recorded = self.ports.registry.recorded_pairs(id).await?;
        Ok(recorded.iter().any(|one| one.id == pair.access_key_id))
    }

    /// Ends a pair that nobody will have, unless the registry cannot say so: then the keeper finds
    /// out whether it is on record. Of a key that is gone nothing stays.
    async fn take_back(&self, engine: &Arc<dyn AccessKeys>, begun: &Begun, pair: &KeyPair) {
        let id = &begun.key.id;
        let ending = async {
            match self.ports.registry.access_key(id).await {
                Ok(None) => engine.remove(id).await.is_ok(),
                Ok(Some(_)) if self.is_on_record(id, pair).await.is_ok_and(|is| !is) => {
                    engine.withdraw(id, &pair.access_key_id).await.is_ok()
                }
                Ok(Some(_)) | Err(_) => false,
            }
        };
        if !tokio::time::timeout(ENGINE_LIMIT, ending)
            .await
            .unwrap_or(false)
        {
            tracing::warn!(key = %id, "a pair that nobody has is left to the keeper");
        }
    }

    /// What was made and is not on record is ended; if that fails, the lease goes stale and the
    /// keeper does it.
    async fn give_up(&self, keeper: &KeyKeeper, begun: &Begun) {
        let settling = keeper.settle(&begun.key.id, self.ports.clock.now());
        if let Ok(Ok(())) = tokio::time::timeout(ENGINE_LIMIT, settling).await {
            self.end(begun, None).await;
        } else {
            tracing::warn!(key = %begun.key.id, "a broken rotation is left to the keeper");
        }
    }

    /// A registry that cannot be told now will find the lease stale.
    async fn end(&self, begun: &Begun, state: Option<AccessKeyState>) {
        let id = &begun.key.id;
        let ended = self.ports.registry.end_rotation(id, &begun.lease, state);
        if let Err(error) = ended.await {
            tracing::warn!(%error, key = %id, "the end of a rotation could not be recorded");
        }
    }
}

/// No network is any; an address that is not known is in none.
fn check_network(key: &AccessKey, address: Option<IpAddr>) -> Result<(), KeyRefusal> {
    let is_inside = address.is_some_and(|address| {
        let mut networks = key.networks.iter();
        networks.any(|network| network.contains(&address))
    });
    if key.networks.is_empty() || is_inside {
        Ok(())
    } else {
        Err(KeyRefusal::Network)
    }
}
