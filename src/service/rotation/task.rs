use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::mpsc::error::SendError;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::domain::{
    AccessKeyState, AuditCause, AuditEvent, KeyPair, Owner, OwnerPseudonym, RequestId,
};
use crate::service::{AccessKeyRefusal, Refusal, RegistryError, UpstreamError};

use super::admission::Admitted;
use super::lease::Lease;
use super::pairs::{Pairs, PairsError, prove};
use super::rotations::RotationOutcome;
use super::timing::{END_LIMIT, HAND_OVER_LIMIT, MAKE_LIMIT, STALE, TRANSACTION_LIMIT};
use super::use_case::Work;

/// Between two tries to record that the new pair is the current one.
const PAUSE: Duration = Duration::from_millis(500);

/// How far a rotation has got, in this order.
pub(super) enum Progress {
    /// The key is taken.
    Taken,
    /// The new pair is on record. The rotation goes on only if its receipt is acknowledged.
    Made(KeyPair, oneshot::Sender<()>),
    /// The new pair is proven, and the one before it has ended.
    Proven,
    /// The gateway stops before the new pair is proven. Both pairs live on.
    Left,
}

/// One rotation under way.
struct Task {
    work: Arc<Work>,
    admitted: Admitted,
    lease: Lease,
    tell: UnboundedSender<Result<Progress, Refusal>>,
    /// For the log.
    owner: OwnerPseudonym,
    request_id: RequestId,
}

/// Makes the rotation and tells how far it has got. If the request goes away before the new pair is
/// handed over, the pair before it stays.
pub(super) async fn run(
    work: Arc<Work>,
    admitted: Admitted,
    tell: UnboundedSender<Result<Progress, Refusal>>,
) {
    let key = admitted.key.id.clone();
    let task = Task {
        owner: work.pseudonym(&key),
        request_id: admitted.rotation.request_id,
        lease: Lease {
            registry: Arc::clone(&work.ports.registry),
            key,
            name: hex::encode(work.ports.randomness.bits()),
        },
        work,
        admitted,
        tell,
    };
    if let Err(refusal) = task.rotate().await
        && let Err(SendError(Err(unheard))) = task.tell.send(Err(refusal))
    {
        // No response carries this error, so log it here.
        let Task {
            owner, request_id, ..
        } = &task;
        tracing::warn!(%request_id, %owner, key = %task.lease.key, cause = %unheard, "a rotation has failed");
    }
}

impl Task {
    async fn rotate(&self) -> Result<(), Refusal> {
        self.take().await?;
        self.lease.renewed_during(self.rotate_taken()).await
    }

    /// The statement may have taken effect even though it returned an error.
    async fn take(&self) -> Result<(), Refusal> {
        let now = self.work.ports.clock.now();
        let lease = &self.lease;
        let taking = lease
            .registry
            .begin_rotation(&lease.key, &lease.name, now, now - STALE);
        match taking.await {
            Ok(true) if self.tell(Progress::Taken).is_ok() => Ok(()),
            Ok(true) => {
                lease.give_back(None, false).await;
                Err(gone())
            }
            Ok(false) => Err(AccessKeyRefusal::Pending.into()),
            Err(error) => {
                lease.give_back(None, false).await;
                Err(not_recorded(&error))
            }
        }
    }

    /// The lease is given back before the caller is told the end: another rotation may follow at once.
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
        self.work.rotations.count(RotationOutcome::Proven);
        let _ = self.tell(Progress::Proven);
        Ok(())
    }

    /// Only the current pair is kept beside the new one, because engines hold two.
    async fn make(&self) -> Result<KeyPair, Refusal> {
        let Admitted {
            key,
            policy,
            broker,
            ..
        } = &self.admitted;
        let making = async {
            self.pairs().end_all_but_current().await?;
            Ok::<_, PairsError>(broker.issue(&key.id, policy).await?)
        };
        let late = |_| Refusal::Store(UpstreamError::timeout("making the pair"));
        Ok(timeout(MAKE_LIMIT, making).await.map_err(late)??)
    }

    /// A pair must be on record before it is handed out. If the caller has disconnected, the new pair
    /// would never arrive, and the key's users still need the old one.
    async fn record(&self, pair: &KeyPair) -> Result<(), Refusal> {
        if self.tell.is_closed() {
            return Err(gone());
        }
        let Admitted { rotation, key, .. } = &self.admitted;
        let cause = AuditCause {
            time: self.work.ports.clock.now(),
            request_id: self.request_id,
            dialect: rotation.dialect,
            caller: rotation.caller.id().to_string(),
        };
        let event = AuditEvent {
            access_key_owner: Some(key.owner.clone()),
            key_id: Some(pair.access_key_id.clone()),
            detail: key.rights.to_string(),
            ..AuditEvent::change(cause, "access-key rotate", Owner::AccessKey(key.id.clone()))
        };
        let Lease { registry, name, .. } = &self.lease;
        let recording = registry.record_pair(&key.id, name, &pair.access_key_id, &event);
        match timeout(TRANSACTION_LIMIT, recording).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(self.why_over().await),
            Ok(Err(error)) => Err(not_recorded(&error)),
            Err(_) => Err(not_recorded(&RegistryError::late("pair"))),
        }
    }

    /// The request's deadline may pass while the pair is sent, and the caller then needs the pair before
    /// it. So the request must acknowledge the pair.
    ///
    /// Making the pair takes seconds, in which an operator may have blocked the caller.
    async fn hand_over(&self, pair: &KeyPair) -> Result<(), Refusal> {
        let Admitted { rotation, key, .. } = &self.admitted;
        let checking = self.work.check_restrictions(key, rotation);
        let late = |_| Err(RegistryError::late("restrictions").into());
        timeout(TRANSACTION_LIMIT, checking)
            .await
            .unwrap_or_else(late)?;
        let (acknowledge, received) = oneshot::channel();
        self.tell(Progress::Made(pair.clone(), acknowledge))?;
        match timeout(HAND_OVER_LIMIT, received).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(gone()),
        }
    }

    async fn prove(&self, pair: &KeyPair) -> Result<(), Refusal> {
        let Admitted { key, broker, .. } = &self.admitted;
        let bucket = key.rights.buckets().first().copied();
        let proven = prove(broker.as_ref(), pair, bucket).await;
        proven.map_err(|error| {
            tracing::error!(
                cause = %error,
                request_id = %self.request_id,
                owner = %self.owner,
                key = %key.id,
                "the store does not take a new pair: the one before it stays"
            );
            Refusal::Store(error)
        })
    }

    /// The gateway stops before the pair is proven. The pair was handed out and may be in use, so it stays
    /// on record beside the current one.
    async fn leave(&self) -> Result<(), Refusal> {
        self.lease.give_back(None, true).await;
        self.work.rotations.count(RotationOutcome::Left);
        let _ = self.tell(Progress::Left);
        tracing::warn!(
            request_id = %self.request_id,
            owner = %self.owner,
            key = %self.lease.key,
            "stopping before a new pair is proven: both pairs live until the key's next rotation"
        );
        Ok(())
    }

    /// The pair works and may be in use, so a registry that fails is asked again.
    async fn promote(&self, pair: &KeyPair) -> Result<(), Refusal> {
        let lease = &self.lease;
        let ends = self.work.ports.clock.now() + self.work.settings.overlap;
        let promoting = async {
            loop {
                let promoted =
                    lease
                        .registry
                        .promote_pair(&lease.key, &lease.name, &pair.access_key_id, ends);
                match promoted.await {
                    Ok(is_promoted) => return is_promoted,
                    Err(error) => {
                        tracing::warn!(%error, key = %lease.key, "a proven pair is not recorded yet");
                    }
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

    /// The new pair is current. If the one before cannot be ended now, the keeper ends it.
    async fn end_the_one_before(&self) {
        let pairs = self.pairs();
        let ending = pairs.end_due(self.work.ports.clock.now());
        if let Err(error) = within_end_limit(ending).await {
            tracing::warn!(
                %error,
                request_id = %self.request_id,
                owner = %self.owner,
                key = %self.lease.key,
                "the old pair lives on for now"
            );
        }
    }

    /// Why the registry does not let the rotation go on. A key that is disabled or deleted must not come
    /// back.
    async fn why_over(&self) -> Refusal {
        match self.lease.registry.access_key(&self.lease.key).await {
            Ok(Some(key)) if key.disabled_at.is_some() => AccessKeyRefusal::Disabled.into(),
            Ok(Some(_)) => AccessKeyRefusal::Pending.into(),
            Ok(None) => AccessKeyRefusal::NoSuchKey.into(),
            Err(error) => error.into(),
        }
    }

    /// Ends what the rotation has made and gives the key back, clean or not. The keeper or the next
    /// rotation ends what is left. `made` is a new pair, on record or not.
    async fn give_up(&self, made: Option<&KeyPair>, refusal: Refusal) -> Result<(), Refusal> {
        self.work.rotations.count(RotationOutcome::Failed);
        let cleaned_up = within_end_limit(self.clean_up(made)).await;
        if let Err(error) = &cleaned_up {
            tracing::warn!(%error, key = %self.lease.key, "a failed rotation is left to the keeper");
        }
        self.lease.give_back(None, cleaned_up.is_ok()).await;
        Err(refusal)
    }

    /// First it records that the pair is given up, so that the keeper ends it if this task cannot.
    async fn clean_up(&self, made: Option<&KeyPair>) -> Result<(), PairsError> {
        let Lease {
            registry,
            key,
            name,
        } = &self.lease;
        let now = self.work.ports.clock.now();
        if registry.access_key(key).await?.is_none() {
            // It was deleted meanwhile.
            return Ok(self.admitted.broker.remove(key).await?);
        }
        let pairs = self.pairs();
        if let Some(made) = made {
            let pair = &made.access_key_id;
            registry.give_up_pair(key, name, pair, now).await?;
            let recorded = registry.recorded_pairs(key).await?;
            if !recorded.iter().any(|recorded| recorded.id == *pair) {
                // The engine's list may not have it yet.
                pairs.withdraw(pair).await?;
            }
        }
        pairs.end_due(now).await
    }

    fn pairs(&self) -> Pairs<'_> {
        Pairs::under(&self.lease, self.admitted.broker.as_ref())
    }

    fn tell(&self, progress: Progress) -> Result<(), Refusal> {
        self.tell.send(Ok(progress)).map_err(|_| gone())
    }
}

async fn within_end_limit(
    ending: impl Future<Output = Result<(), PairsError>>,
) -> Result<(), PairsError> {
    let late = |_| UpstreamError::timeout("ending pairs");
    timeout(END_LIMIT, ending).await.map_err(late)?
}

fn not_recorded(error: &RegistryError) -> Refusal {
    AccessKeyRefusal::NotQueued(error.to_string()).into()
}

fn gone() -> Refusal {
    Refusal::Internal("the caller has gone".to_owned())
}
