use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyState, BucketFormula, Caller, Change, KeyOwner, KeyPair,
    KeyPolicy, KeyPolicyError, Loopholes, Owner, RequestId,
};
use crate::service::{
    Clock, Deadline, Directory, KeyRefusal, Randomness, RateLimiter, Refusal, UpstreamFailure,
};

use super::keeper::{KeeperError, STALE};
use super::{AccessKeys, BucketClaim, KeyAdmission, KeyKeeper, KeyRegistry};

/// How long an answer waits for the proof that the new pair works.
const PROOF_PATIENCE: Duration = Duration::from_secs(2);

/// How long the engine may take to make a pair. Shorter than [`STALE`], so that no rotation goes
/// on after another has taken its key.
const ISSUE_LIMIT: Duration = Duration::from_secs(15);

/// How long a new pair may take to work: engines of several nodes tell each other.
const PROOF_LIMIT: Duration = Duration::from_secs(25);

const PROOF_PAUSE: Duration = Duration::from_millis(200);

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
    /// Who asks; nobody where a capability token has named the key.
    pub caller: Option<Caller>,
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
    /// The registry's name for it.
    name: String,
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
            .limit(ISSUE_LIMIT, pair)
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
        self.check_caller(&key, rotation.caller.as_ref()).await?;
        check_network(&key, rotation.address)?;
        let owner = Owner::AccessKey(key.id.clone());
        let digest = self.settings.formula.digest(&owner);
        let taken = self.ports.rate_limiter.take(&digest);
        taken.map_err(|retry_after| Refusal::RateLimited { retry_after })?;
        let engine = self.ports.engine.as_ref().ok_or(KeyRefusal::NoBroker)?;
        let policy = self.policy(&key, engine.loopholes()).await?;
        let name = hex::encode(self.ports.randomness.bits());
        let now = self.ports.clock.now();
        let begun = self
            .ports
            .registry
            .begin_rotation(&key.id, &name, now, now - STALE)
            .await
            .map_err(|error| KeyRefusal::NotQueued(error.to_string()))?;
        if !begun {
            return Err(KeyRefusal::Pending.into());
        }
        Ok(Begun {
            rotation,
            key,
            policy,
            name,
        })
    }

    async fn check_caller(&self, key: &AccessKey, caller: Option<&Caller>) -> Result<(), Refusal> {
        if caller.is_some_and(|caller| !key.owner.is(caller)) {
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

    async fn run(
        self: Arc<Self>,
        begun: Begun,
        issued: oneshot::Sender<Result<KeyPair, Refusal>>,
        proven: oneshot::Sender<AccessKeyState>,
    ) {
        let (Some(engine), Some(keeper)) = (&self.ports.engine, &self.ports.keeper) else {
            return;
        };
        let making = self.issue(engine, keeper, &begun, &issued);
        let making = tokio::time::timeout(ISSUE_LIMIT, making);
        let late = || UpstreamFailure::timeout("making the pair").into();
        let pair = making.await.unwrap_or_else(|_| Err(late()));
        let pair = match pair {
            Ok(pair) => pair,
            Err(error) => {
                self.give_up(keeper, &begun).await;
                let _ = issued.send(Err(error.into()));
                return;
            }
        };
        let _ = issued.send(Ok(pair.clone()));
        let state = self.prove(engine, &begun.key, &pair).await;
        self.end(&begun, Some(state)).await;
        let _ = proven.send(state);
    }

    /// Only the current pair is kept beside the new one: engines hold two at the most. Nothing is
    /// handed out before it is on record.
    async fn issue(
        &self,
        engine: &Arc<dyn AccessKeys>,
        keeper: &KeyKeeper,
        begun: &Begun,
        asked: &oneshot::Sender<Result<KeyPair, Refusal>>,
    ) -> Result<KeyPair, KeeperError> {
        let id = &begun.key.id;
        keeper.keep_current(id).await?;
        let pair = engine.issue(id, &begun.policy).await?;
        // Whoever asked has gone: nobody would have the new pair, and everybody needs the old one.
        if asked.is_closed() {
            return Err(UpstreamFailure::timeout("whoever asked").into());
        }
        let now = self.ports.clock.now();
        let change = Change {
            time: now,
            request_id: begun.rotation.request_id,
            dialect: begun.rotation.dialect,
            who: begun
                .rotation
                .caller
                .as_ref()
                .map_or_else(|| format!("capability of {id}"), ToString::to_string),
            action: "access-key rotate",
            owner: Owner::AccessKey(id.clone()),
            area: None,
            key: Some(pair.access_key_id.clone()),
            detail: detail(&begun.key),
        };
        let recorded = self
            .ports
            .registry
            .record_pair(
                id,
                &begun.name,
                &pair.access_key_id,
                now + self.settings.overlap,
                &change,
            )
            .await?;
        if !recorded {
            // It was disabled or deleted meanwhile, and what is gone must not come back.
            match self.ports.registry.access_key(id).await? {
                Some(_) => engine.withdraw(id, &pair.access_key_id).await?,
                None => engine.remove(id).await?,
            }
            return Err(UpstreamFailure::timeout("the rotation").into());
        }
        // One that cannot be ended now is ended by the keeper.
        if let Err(error) = keeper.settle(id, now).await {
            tracing::warn!(%error, key = %id, "an old pair could not be ended yet");
        }
        Ok(pair)
    }

    /// What was made and is not on record is ended; if that fails, the rotation goes stale and the
    /// keeper does it.
    async fn give_up(&self, keeper: &KeyKeeper, begun: &Begun) {
        let settling = keeper.settle(&begun.key.id, self.ports.clock.now());
        if let Ok(Ok(())) = tokio::time::timeout(ISSUE_LIMIT, settling).await {
            self.end(begun, None).await;
        } else {
            tracing::warn!(key = %begun.key.id, "a broken rotation is left to the keeper");
        }
    }

    async fn prove(
        &self,
        engine: &Arc<dyn AccessKeys>,
        key: &AccessKey,
        pair: &KeyPair,
    ) -> AccessKeyState {
        let buckets = key.rights.buckets();
        let proving = async {
            while !engine
                .works(pair, buckets.first().copied())
                .await
                .unwrap_or(false)
            {
                tokio::time::sleep(PROOF_PAUSE).await;
            }
        };
        match tokio::time::timeout(PROOF_LIMIT, proving).await {
            Ok(()) => AccessKeyState::Active,
            Err(_) => AccessKeyState::Failed,
        }
    }

    /// A registry that cannot be told now will find the rotation stale.
    async fn end(&self, begun: &Begun, state: Option<AccessKeyState>) {
        let id = &begun.key.id;
        let ended = self.ports.registry.end_rotation(id, &begun.name, state);
        if let Err(error) = ended.await {
            tracing::warn!(%error, key = %id, "the end of a rotation could not be recorded");
        }
    }
}

/// The bucket of the key that is somebody else's, or could be, if there is one.
pub(in crate::service) async fn claimed(
    registry: &dyn KeyRegistry,
    formula: &BucketFormula,
    key: &AccessKey,
) -> Result<Option<String>, crate::service::RegistryError> {
    if let Some(prefix) = key
        .rights
        .prefix
        .as_ref()
        .filter(|_| key.rights.reaches_all())
        && let Some(bucket) = registry.claimed_under(prefix).await?
    {
        return Ok(Some(bucket));
    }
    for bucket in key.rights.buckets() {
        let claims = registry.claims_on(bucket).await?;
        let unclaimed_locker = claims.is_empty() && formula.could_make(bucket);
        let foreign = claims.iter().any(|claim| !is_owners(&key.owner, claim));
        if unclaimed_locker || foreign {
            return Ok(Some(bucket.to_string()));
        }
    }
    Ok(None)
}

fn is_owners(owner: &KeyOwner, claim: &BucketClaim) -> bool {
    match (owner, claim) {
        (KeyOwner::Principal(owner), BucketClaim::Principal(claim)) => owner == claim,
        (KeyOwner::Subject(owner), BucketClaim::Principal(claim)) => *owner == claim.subject,
        (KeyOwner::Organisation(owner), BucketClaim::Organisation(claim)) => owner == claim,
        _ => false,
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

/// What the key opens, for the audit trail.
fn detail(key: &AccessKey) -> String {
    let rights = &key.rights;
    let all = [
        ("all-buckets-read", rights.all_buckets_read),
        ("all-objects-read", rights.all_objects_read),
        ("all-objects-write", rights.all_objects_write),
    ];
    let all = all.into_iter().filter(|(_, granted)| *granted);
    let all = all.map(|(name, _)| name.to_owned());
    let read = rights
        .read_buckets
        .iter()
        .map(|bucket| format!("read:{bucket}"));
    let write = rights
        .write_buckets
        .iter()
        .map(|bucket| format!("write:{bucket}"));
    all.chain(read).chain(write).collect::<Vec<_>>().join(" ")
}
