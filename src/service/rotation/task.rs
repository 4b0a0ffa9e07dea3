use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::mpsc::error::SendError;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::domain::{AccessKey, AccessKeyPolicy, AccessKeyState, AuditEvent, KeyPair, Owner};
use crate::service::{AccessKeyRefusal, Refusal, RegistryError, UpstreamError};

use super::keeper::AccessKeyKeeperError;
use super::lease::Lease;
use super::proof::prove;
use super::rotate::Work;
use super::timing::{END_LIMIT, HAND_OVER_LIMIT, MAKE_LIMIT, STALE, TRANSACTION_LIMIT};
use super::{AccessKeyBroker, AccessKeyKeeper, Rotation};

/// Between two tries to record that the new pair is the current one.
const PAUSE: Duration = Duration::from_millis(500);

/// A rotation that may be made, with all it takes.
pub(super) struct Admitted {
    pub(super) rotation: Rotation,
    pub(super) key: AccessKey,
    pub(super) policy: AccessKeyPolicy,
    pub(super) broker: Arc<dyn AccessKeyBroker>,
    pub(super) keeper: Arc<AccessKeyKeeper>,
}

/// How far a rotation has come, in this order.
pub(super) enum Progress {
    /// The key is taken.
    Taken,
    /// The new pair is on record. Only if its receipt is acknowledged does the rotation go on.
    Made(KeyPair, oneshot::Sender<()>),
    /// The new pair is proven, and the one before it has ended.
    Proven,
    /// The gateway stops before the new pair is proven: both live on.
    Left,
}

/// A rotation under way: a detached task.
struct Under<'a> {
    work: &'a Work,
    admitted: &'a Admitted,
    lease: Lease,
    tell: &'a UnboundedSender<Result<Progress, Refusal>>,
}

/// Makes the rotation and tells how far it has come. When nobody listens any more before the new pair
/// is handed over, the pair before it stays.
pub(super) async fn run(
    work: Arc<Work>,
    admitted: Admitted,
    tell: UnboundedSender<Result<Progress, Refusal>>,
) {
    let under = Under {
        lease: Lease {
            registry: Arc::clone(&work.ports.registry),
            key: admitted.key.id.clone(),
            name: hex::encode(work.ports.randomness.bits()),
        },
        work: &work,
        admitted: &admitted,
        tell: &tell,
    };
    if let Err(refusal) = under.rotate().await
        && let Err(SendError(Err(unheard))) = tell.send(Err(refusal))
    {
        // It becomes no answer.
        let id = &admitted.key.id;
        let owner = work.pseudonym(id);
        let request_id = admitted.rotation.request_id;
        tracing::warn!(%request_id, %owner, key = %id, cause = %unheard, "a rotation has failed");
    }
}

impl Under<'_> {
    async fn rotate(&self) -> Result<(), Refusal> {
        self.take().await?;
        self.lease.renewed_during(self.rotate_taken()).await
    }

    /// A statement that fails may have taken the key all the same.
    async fn take(&self) -> Result<(), Refusal> {
        let now = self.work.ports.clock.now();
        let Lease {
            registry,
            key,
            name,
        } = &self.lease;
        match registry.begin_rotation(key, name, now, now - STALE).await {
            Ok(true) if self.tell(Progress::Taken).is_ok() => Ok(()),
            Ok(true) => {
                self.lease.give_back(None, false).await;
                Err(gone())
            }
            Ok(false) => Err(AccessKeyRefusal::Pending.into()),
            Err(error) => {
                self.lease.give_back(None, false).await;
                Err(AccessKeyRefusal::NotQueued(error.to_string()).into())
            }
        }
    }

    /// The lease is given back before anybody is told the end: who asks again at once finds the key
    /// free.
    async fn rotate_taken(&self) -> Result<(), Refusal> {
        let pair = match self.make().await {
            Ok(pair) => pair,
            Err(refusal) => return self.give_up(None, refusal).await,
        };
        if let Err(refusal) = self.record(&pair).await {
            return self.give_up(Some(&pair), refusal).await;
        }
        if let Err(refusal) = self.hand_over(&pair).await {
            return self.give_up(Some(&pair), refusal).await;
        }
        let proven = tokio::select! {
            biased;
            proven = self.prove(&pair) => proven,
            () = self.work.rotations.stopped() => return self.leave().await,
        };
        let established = match proven {
            Ok(()) => self.promote(&pair).await,
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = established {
            return self.give_up(Some(&pair), refusal).await;
        }
        self.end_the_one_before().await;
        self.lease
            .give_back(Some(AccessKeyState::Active), true)
            .await;
        let _ = self.tell(Progress::Proven);
        Ok(())
    }

    /// Only the current pair is kept beside the new one: engines hold two at the most.
    async fn make(&self) -> Result<KeyPair, Refusal> {
        let Admitted {
            key,
            policy,
            broker,
            keeper,
            ..
        } = self.admitted;
        let making = async {
            keeper.keep_current(&self.lease).await?;
            Ok::<_, AccessKeyKeeperError>(broker.issue(&key.id, policy).await?)
        };
        let late = |_| Refusal::Store(UpstreamError::timeout("making the pair"));
        Ok(timeout(MAKE_LIMIT, making).await.map_err(late)??)
    }

    /// Nothing is handed out before it is on record. Whoever has gone would not have the new pair, and
    /// everybody needs the old one.
    async fn record(&self, pair: &KeyPair) -> Result<(), Refusal> {
        if self.tell.is_closed() {
            return Err(gone());
        }
        let Lease {
            registry,
            key,
            name,
        } = &self.lease;
        let Rotation {
            request_id,
            dialect,
            caller,
            ..
        } = &self.admitted.rotation;
        let event = AuditEvent {
            time: self.work.ports.clock.now(),
            request_id: *request_id,
            dialect,
            caller: caller.to_string(),
            action: "access-key rotate",
            owner: Owner::AccessKey(key.clone()),
            access_key_owner: Some(self.admitted.key.owner.clone()),
            area: None,
            key_id: Some(pair.access_key_id.clone()),
            detail: self.admitted.key.rights.to_string(),
        };
        let recording = registry.record_pair(key, name, &pair.access_key_id, &event);
        match timeout(TRANSACTION_LIMIT, recording).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(self.why_over().await),
            Ok(Err(error)) => Err(AccessKeyRefusal::NotQueued(error.to_string()).into()),
            Err(_) => {
                let error = RegistryError::late("pair");
                Err(AccessKeyRefusal::NotQueued(error.to_string()).into())
            }
        }
    }

    /// A pair that is sent may not arrive: the request's deadline may pass in between, and the caller
    /// then needs the pair before it.
    async fn hand_over(&self, pair: &KeyPair) -> Result<(), Refusal> {
        let (acknowledge, received) = oneshot::channel();
        self.tell(Progress::Made(pair.clone(), acknowledge))?;
        match timeout(HAND_OVER_LIMIT, received).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(gone()),
        }
    }

    async fn prove(&self, pair: &KeyPair) -> Result<(), Refusal> {
        let Admitted {
            key,
            broker,
            rotation,
            ..
        } = self.admitted;
        let owner = self.work.pseudonym(&key.id);
        let request_id = rotation.request_id;
        let bucket = key.rights.buckets().first().copied();
        let proven = prove(broker.as_ref(), pair, bucket).await;
        proven.map_err(|failure| {
            tracing::error!(
                cause = %failure,
                %request_id,
                %owner,
                key = %key.id,
                "the store does not take a new pair: the one before it stays"
            );
            Refusal::Store(failure)
        })
    }

    /// The gateway stops before the pair is proven. It was handed out and may be in use, so it stays on
    /// record, beside the current one.
    async fn leave(&self) -> Result<(), Refusal> {
        self.lease.give_back(None, true).await;
        let _ = self.tell(Progress::Left);
        let owner = self.work.pseudonym(&self.lease.key);
        let request_id = self.admitted.rotation.request_id;
        tracing::warn!(
            %request_id,
            %owner,
            key = %self.lease.key,
            "stopping before a new pair is proven: both pairs live until the key's next rotation"
        );
        Ok(())
    }

    /// The new pair is proven and recorded as the current one.
    async fn end_the_one_before(&self) {
        let Admitted {
            key,
            keeper,
            rotation,
            ..
        } = self.admitted;
        let owner = self.work.pseudonym(&key.id);
        let request_id = rotation.request_id;
        let settling = keeper.settle(&self.lease, self.work.ports.clock.now());
        // One that cannot be ended now is ended by the keeper.
        match timeout(END_LIMIT, settling).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, %request_id, %owner, key = %key.id, "the old pair lives on for now");
            }
            Err(_) => {
                tracing::warn!(%request_id, %owner, key = %key.id, "the old pair lives on for now: no answer in time");
            }
        }
    }

    /// The pair works and may be in use: a registry that fails is asked again.
    async fn promote(&self, pair: &KeyPair) -> Result<(), Refusal> {
        let Lease {
            registry,
            key,
            name,
        } = &self.lease;
        let ends = self.work.ports.clock.now() + self.work.settings.overlap;
        let promoting = async {
            loop {
                match registry
                    .promote_pair(key, name, &pair.access_key_id, ends)
                    .await
                {
                    Ok(is_promoted) => return is_promoted,
                    Err(error) => tracing::warn!(%error, %key, "a proven pair is not recorded yet"),
                }
                sleep(PAUSE).await;
            }
        };
        match timeout(TRANSACTION_LIMIT, promoting).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.why_over().await),
            Err(_) => Err(RegistryError::late("proven pair").into()),
        }
    }

    /// Why the registry does not go on: what is disabled or deleted must not come back.
    async fn why_over(&self) -> Refusal {
        match self.lease.registry.access_key(&self.lease.key).await {
            Ok(Some(key)) if key.disabled_at.is_some() => AccessKeyRefusal::Disabled.into(),
            Ok(Some(_)) => AccessKeyRefusal::Pending.into(),
            Ok(None) => AccessKeyRefusal::NoSuchKey.into(),
            Err(error) => error.into(),
        }
    }

    /// Ends what the rotation has made and gives the key back, clean or not: what is left is the
    /// keeper's, or the next rotation's. `made` is a new pair, on record or not.
    async fn give_up(&self, made: Option<&KeyPair>, refusal: Refusal) -> Result<(), Refusal> {
        let is_clean = match timeout(END_LIMIT, self.clean_up(made)).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, key = %self.lease.key, "a failed rotation is left to the keeper");
                false
            }
            Err(_) => {
                tracing::warn!(key = %self.lease.key, "a failed rotation is left to the keeper: no answer in time");
                false
            }
        };
        self.lease.give_back(None, is_clean).await;
        Err(refusal)
    }

    /// That the pair is given up is recorded first: the keeper ends it if this cannot.
    async fn clean_up(&self, made: Option<&KeyPair>) -> Result<(), AccessKeyKeeperError> {
        let Admitted { broker, keeper, .. } = self.admitted;
        let Lease {
            registry,
            key,
            name,
        } = &self.lease;
        let now = self.work.ports.clock.now();
        if registry.access_key(key).await?.is_none() {
            // It was deleted meanwhile, and nothing of it stays.
            return Ok(broker.remove(key).await?);
        }
        if let Some(KeyPair {
            access_key_id: pair,
            ..
        }) = made
        {
            registry.give_up_pair(key, name, pair, now).await?;
            let recorded = registry.recorded_pairs(key).await?;
            if !recorded.iter().any(|recorded| recorded.id == *pair) {
                self.lease.check().await?;
                // The engine's list may not have it yet.
                broker.withdraw(key, pair).await?;
            }
        }
        keeper.settle(&self.lease, now).await
    }

    fn tell(&self, progress: Progress) -> Result<(), Refusal> {
        self.tell.send(Ok(progress)).map_err(|_| gone())
    }
}

fn gone() -> Refusal {
    Refusal::Internal("whoever asked has gone".to_owned())
}
