mod mark;
mod places;
mod repair;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use moka::future::Cache;
use tokio::runtime::Handle;

use crate::domain::{BucketName, BucketOwner, DeploymentId, Owner};

use super::waiting::{Side, Waiting};
use super::{
    BucketRegistry, Buckets, Creation, Deadline, Occupancy, Presence, RegistryError,
    ReservationState, ReserveOutcome, UpstreamError, UpstreamErrorKind,
};

use mark::Mark;
pub use places::BUCKET_PLACES;
use places::Places;

/// How long a request waits for a bucket. The creation goes on without it.
const STEP_TIMEOUT: Duration = Duration::from_secs(4);

/// How long the creation of a bucket may take.
const MAKING_TIMEOUT: Duration = Duration::from_secs(30);

/// The step that a timeout names.
const STEP: &str = "making the bucket";

/// How many owners' buckets are remembered as ready.
const REMEMBERED: u64 = 20_000;

/// Ensures that an owner's bucket exists and is the owner's.
///
/// A detached task creates it, one at a time for an owner. The task survives the deadline and the
/// client, and the next call finds it done (docs/call.md).
pub struct EnsureBucket {
    maker: Arc<Maker>,
    runtime: Handle,
}

/// The ports of [`EnsureBucket`].
pub struct EnsureBucketPorts {
    /// Records who holds which bucket.
    pub registry: Arc<dyn BucketRegistry>,
    /// Creates buckets.
    pub buckets: Arc<dyn Buckets>,
    /// Runs the detached tasks.
    pub runtime: Handle,
}

/// The settings of [`EnsureBucket`].
#[derive(Clone, Debug)]
pub struct EnsureBucketSettings {
    /// The id of this deployment, which is all gateways on one registry.
    pub deployment: String,
    /// How long a bucket is taken for ready without a look (`storage.bucket_recheck`).
    pub recheck: Duration,
    /// Whether a bucket may be adopted that exists at its first reservation, unless it carries another
    /// deployment's tag (`naming.adopt`).
    pub adopt: bool,
    /// The deployments whose tagged buckets may be adopted (`naming.adopt_from`).
    pub adopt_from: Vec<DeploymentId>,
}

/// Why an owner has no bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnsureBucketError {
    /// The bucket exists and is not known to be the owner's.
    #[error("the bucket exists and is not known to be this owner's")]
    Conflict,
    /// An operator has blocked the owner.
    #[error("the owner is blocked: {0}")]
    Blocked(String),
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] UpstreamError),
    /// Too many buckets are being created at once.
    #[error("too many buckets are being created at once")]
    Overloaded,
    /// The task was dropped with the runtime, or panicked.
    #[error("the creation of the bucket was cut off")]
    Vanished,
}

struct Maker {
    registry: Arc<dyn BucketRegistry>,
    buckets: Arc<dyn Buckets>,
    settings: EnsureBucketSettings,
    places: Places,
    ready: Cache<BucketOwner, Ready>,
    under_way: Mutex<HashMap<(BucketOwner, BucketName), UnderWay>>,
}

/// A bucket that was there, and when the owner's sessions had been revoked by then: an owner who was erased
/// may have lost it since.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ready {
    bucket: BucketName,
    revoked: Option<DateTime<Utc>>,
}

/// How a bucket turned out to be there.
enum Ensured {
    /// It was ready.
    Found,
    /// It has just been set up.
    SetUp,
}

type Making = Shared<BoxFuture<'static, Result<(), EnsureBucketError>>>;

/// A creation, and what it has waited for.
type UnderWay = (Making, Arc<Waiting>);

impl EnsureBucket {
    /// Makes the use case.
    #[must_use]
    pub fn new(ports: EnsureBucketPorts, settings: EnsureBucketSettings) -> Self {
        let ready = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(settings.recheck)
            .build();
        let maker = Maker {
            registry: ports.registry,
            buckets: ports.buckets,
            settings,
            places: Places::default(),
            ready,
            under_way: Mutex::default(),
        };
        Self {
            maker: Arc::new(maker),
            runtime: ports.runtime,
        }
    }

    /// How many buckets are being created.
    #[must_use]
    pub fn creations(&self) -> Occupancy {
        self.maker.places.creations()
    }

    /// How many existing buckets are being rechecked.
    #[must_use]
    pub fn rechecks(&self) -> Occupancy {
        self.maker.places.rechecks()
    }

    /// Returns when the bucket exists and is the owner's.
    ///
    /// # Errors
    ///
    /// [`EnsureBucketError`]. If time runs out, it is a timeout of the slower of registry and store, and the
    /// creation goes on.
    pub async fn ensure(
        &self,
        owner: &Owner,
        bucket: &BucketName,
        deadline: Deadline,
    ) -> Result<(), EnsureBucketError> {
        let waiting = Waiting::begin(Side::Store);
        self.ensure_since(owner, bucket, None, deadline, &waiting)
            .await
    }

    /// The same, for an owner whose sessions were revoked then: what was found before does not count. If
    /// time runs out, it counts what the caller has waited for before, too.
    ///
    /// # Errors
    ///
    /// See [`Self::ensure`].
    pub(super) async fn ensure_since(
        &self,
        owner: &Owner,
        bucket: &BucketName,
        revoked: Option<DateTime<Utc>>,
        deadline: Deadline,
        waiting: &Waiting,
    ) -> Result<(), EnsureBucketError> {
        let bucket_owner = owner.bucket_owner(bucket);
        let ready = Ready {
            bucket: bucket.clone(),
            // Shared buckets are not removed, and each caller of one may have been revoked at another time.
            revoked: revoked.filter(|_| matches!(owner, Owner::Principal(_))),
        };
        if self.maker.ready.get(&bucket_owner).await.as_ref() == Some(&ready) {
            return Ok(());
        }
        let (making, making_waiting) = self.join_or_start(&bucket_owner, ready);
        let limited = deadline.limit(STEP_TIMEOUT, making);
        let made = waiting.along(&making_waiting, limited).await;
        made.unwrap_or_else(|_| Err(waiting.timed_out(STEP)))
    }

    fn join_or_start(&self, bucket_owner: &BucketOwner, ready: Ready) -> UnderWay {
        let key = (bucket_owner.clone(), ready.bucket.clone());
        let mut under_way = self.maker.under_way();
        if let Some(making) = under_way.get(&key) {
            return making.clone();
        }
        let waiting = Arc::new(Waiting::begin(Side::Store));
        let maker = Arc::clone(&self.maker);
        let task = self
            .runtime
            .spawn(maker.run(bucket_owner.clone(), ready, Arc::clone(&waiting)));
        let making = async move { task.await.unwrap_or(Err(EnsureBucketError::Vanished)) };
        let making = (making.boxed().shared(), waiting);
        under_way.insert(key, making.clone());
        making
    }
}

impl Maker {
    async fn run(
        self: Arc<Self>,
        bucket_owner: BucketOwner,
        ready: Ready,
        waiting: Arc<Waiting>,
    ) -> Result<(), EnsureBucketError> {
        let bucket = ready.bucket.clone();
        let key = (bucket_owner.clone(), bucket.clone());
        let _leave = Leave(&self, &key);
        let making = self.make(&bucket_owner, &bucket, &waiting);
        let made = tokio::time::timeout(MAKING_TIMEOUT, making).await;
        let ensured = made.unwrap_or_else(|_| Err(waiting.timed_out(STEP)))?;
        self.ready.insert(bucket_owner.clone(), ready).await;
        match ensured {
            Ensured::Found => drop(tokio::spawn(Arc::clone(&self).repair_rules(bucket))),
            Ensured::SetUp => {}
        }
        Ok(())
    }

    /// The intent is recorded before the bucket is created. So our own unfinished work can be told from
    /// a bucket that existed before.
    async fn make(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
        waiting: &Waiting,
    ) -> Result<Ensured, EnsureBucketError> {
        let state = self.reserve(bucket_owner, bucket, waiting).await?;
        let _place = self.places.take(state).await?;
        match (self.buckets.look(bucket).await?, state) {
            (Presence::Foreign, _) => Err(EnsureBucketError::Conflict),
            (Presence::Hidden, _) => Err(self.explain_hidden(bucket).await),
            (Presence::Ours, ReservationState::Ready) => {
                self.must_be_marked_ours(bucket).await?;
                Ok(Ensured::Found)
            }
            (Presence::Ours, ReservationState::Reserved) => {
                self.resolve_existing(bucket_owner, bucket, waiting).await?;
                self.create(bucket_owner, bucket, waiting).await
            }
            (Presence::Missing, ReservationState::Reserved) => {
                self.create(bucket_owner, bucket, waiting).await
            }
            (Presence::Missing, _) | (Presence::Ours, ReservationState::Creating) => {
                // An erasure may have removed it since. It blocks the owner first, so reserving again
                // notices.
                if self.reserve(bucket_owner, bucket, waiting).await? < state {
                    return Err(RegistryError::not_reserved().into());
                }
                self.create(bucket_owner, bucket, waiting).await
            }
        }
    }

    async fn reserve(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
        waiting: &Waiting,
    ) -> Result<ReservationState, EnsureBucketError> {
        let reserved = waiting.during(Side::Registry, self.registry.reserve(bucket_owner, bucket));
        match reserved.await? {
            ReserveOutcome::Held(state) => Ok(state),
            ReserveOutcome::Conflict => Err(EnsureBucketError::Conflict),
            ReserveOutcome::Blocked(reason) => Err(EnsureBucketError::Blocked(reason)),
        }
    }

    /// Decides about a bucket that exists at its first reservation. If the registry has moved past
    /// `Reserved`, another replica has just created it; otherwise it predates the reservation. The tag
    /// is read in either case: a reply from something that is not S3 proves nothing.
    async fn resolve_existing(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
        waiting: &Waiting,
    ) -> Result<(), EnsureBucketError> {
        let by_another_replica =
            self.reserve(bucket_owner, bucket, waiting).await? > ReservationState::Reserved;
        match self.mark(bucket).await? {
            Mark::Former => Ok(()),
            Mark::Ours | Mark::Absent if by_another_replica || self.settings.adopt => Ok(()),
            Mark::Ours | Mark::Absent | Mark::Anothers => Err(EnsureBucketError::Conflict),
        }
    }

    async fn create(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
        waiting: &Waiting,
    ) -> Result<Ensured, EnsureBucketError> {
        let advance = |to| {
            waiting.during(
                Side::Registry,
                self.registry.advance(bucket_owner, bucket, to),
            )
        };
        advance(ReservationState::Creating).await?;
        match self.buckets.create(bucket).await? {
            Creation::Made | Creation::AlreadyOurs => {}
            Creation::Foreign => return Err(EnsureBucketError::Conflict),
        }
        // Engines give the same answer to a repeated creation. So only the mark tells whether another
        // deployment created the bucket after our intent.
        if self.mark(bucket).await? == Mark::Anothers {
            return Err(EnsureBucketError::Conflict);
        }
        self.buckets
            .set_up(bucket, &self.settings.deployment)
            .await?;
        self.must_be_marked_ours(bucket).await?;
        advance(ReservationState::Ready).await?;
        Ok(Ensured::SetUp)
    }

    /// Staging and production on one store must not share a bucket (docs/call.md).
    async fn must_be_marked_ours(&self, bucket: &BucketName) -> Result<(), EnsureBucketError> {
        match self.mark(bucket).await? {
            Mark::Ours | Mark::Absent => Ok(()),
            Mark::Former | Mark::Anothers => Err(EnsureBucketError::Conflict),
        }
    }

    async fn mark(&self, bucket: &BucketName) -> Result<Mark, UpstreamError> {
        let tag = self.buckets.marker(bucket).await?;
        Ok(self.settings.mark(tag.as_deref()))
    }

    /// Tries to create the bucket, to tell a foreign bucket from a missing permission.
    async fn explain_hidden(&self, bucket: &BucketName) -> EnsureBucketError {
        match self.buckets.create(bucket).await {
            Ok(Creation::Foreign) => EnsureBucketError::Conflict,
            Ok(Creation::Made | Creation::AlreadyOurs) => {
                let cause =
                    "the gateway may create buckets but not look at them: grant s3:ListBucket";
                UpstreamError::new(UpstreamErrorKind::Refused, cause).into()
            }
            Err(failure) => failure.into(),
        }
    }

    fn under_way(&self) -> std::sync::MutexGuard<'_, HashMap<(BucketOwner, BucketName), UnderWay>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// On drop, removes the task from `under_way`, however it ended.
struct Leave<'a>(&'a Maker, &'a (BucketOwner, BucketName));

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.under_way().remove(self.1);
    }
}

#[cfg(test)]
mod tests;
