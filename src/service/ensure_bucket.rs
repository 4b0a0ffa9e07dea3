use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use moka::future::Cache;
use tokio::runtime::Handle;

use crate::domain::{BucketName, Owner};

use super::{
    Buckets, Claim, ClaimState, Creation, Deadline, FailureKind, Presence, Registry, RegistryError,
    UpstreamFailure,
};

/// The most that a request waits for a bucket; the making goes on without it.
const STEP_TIMEOUT: Duration = Duration::from_secs(4);

/// The most that the making of one bucket takes, so that nothing is stuck for good.
const MAKING_TIMEOUT: Duration = Duration::from_secs(30);

/// How many owners' buckets are remembered as ready, so that memory does not grow with owners.
const REMEMBERED: u64 = 20_000;

/// Makes sure that an owner's bucket is there and is the owner's.
///
/// Making one is a detached task, one at a time for an owner: it survives the deadline and the
/// client's leaving, and the next call finds it done (contract section 8).
pub struct EnsureBucket {
    maker: Arc<Maker>,
    runtime: Handle,
}

/// What the configuration says about buckets.
#[derive(Clone, Debug)]
pub struct EnsureBucketSettings {
    /// The name of this deployment: of all gateways on one registry.
    pub deployment: String,
    /// How long "it exists and is ours" is believed (`storage.bucket_recheck`).
    pub recheck: Duration,
    /// Whether a bucket that stands at its first claim may be taken over (`naming.adopt`).
    pub adopt: bool,
}

/// Why an owner has no bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnsureError {
    /// The bucket exists and is not known to be the owner's.
    #[error("the bucket exists and is not known to be this owner's")]
    Conflict,
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] UpstreamFailure),
    /// The task was dropped with the runtime, or panicked.
    #[error("the making of the bucket was cut off")]
    Vanished,
}

struct Maker {
    registry: Arc<dyn Registry>,
    buckets: Arc<dyn Buckets>,
    settings: EnsureBucketSettings,
    ready: Cache<Owner, BucketName>,
    under_way: Mutex<HashMap<(Owner, BucketName), Making>>,
}

type Making = Shared<BoxFuture<'static, Result<(), EnsureError>>>;

impl EnsureBucket {
    /// Puts the use case together. Detached tasks run on `runtime`.
    #[must_use]
    pub fn new(
        registry: Arc<dyn Registry>,
        buckets: Arc<dyn Buckets>,
        settings: EnsureBucketSettings,
        runtime: Handle,
    ) -> Self {
        let ready = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(settings.recheck)
            .build();
        let maker = Maker {
            registry,
            buckets,
            settings,
            ready,
            under_way: Mutex::default(),
        };
        Self {
            maker: Arc::new(maker),
            runtime,
        }
    }

    /// Returns when the bucket is there and is the owner's.
    ///
    /// # Errors
    ///
    /// [`EnsureError`]; when time runs out it is a timeout of the store, and the making goes on.
    pub async fn ensure(
        &self,
        owner: &Owner,
        bucket: &BucketName,
        deadline: Deadline,
    ) -> Result<(), EnsureError> {
        if self.maker.ready.get(owner).await.as_ref() == Some(bucket) {
            return Ok(());
        }
        let making = self.join_or_start(owner, bucket);
        deadline
            .limit(STEP_TIMEOUT, making)
            .await
            .unwrap_or_else(|_| Err(UpstreamFailure::timeout("making the bucket").into()))
    }

    fn join_or_start(&self, owner: &Owner, bucket: &BucketName) -> Making {
        let key = (owner.clone(), bucket.clone());
        let mut under_way = self.maker.under_way();
        if let Some(making) = under_way.get(&key) {
            return making.clone();
        }
        let task = self
            .runtime
            .spawn(Arc::clone(&self.maker).run(owner.clone(), bucket.clone()));
        let making = async move { task.await.unwrap_or(Err(EnsureError::Vanished)) };
        let making = making.boxed().shared();
        under_way.insert(key, making.clone());
        making
    }
}

impl Maker {
    async fn run(self: Arc<Self>, owner: Owner, bucket: BucketName) -> Result<(), EnsureError> {
        let key = (owner.clone(), bucket.clone());
        let _leave = Leave(&self, &key);
        let made = tokio::time::timeout(MAKING_TIMEOUT, self.make(&owner, &bucket)).await;
        made.unwrap_or_else(|_| Err(UpstreamFailure::timeout("making the bucket").into()))?;
        self.ready.insert(owner.clone(), bucket).await;
        Ok(())
    }

    /// The intent is on record before anything is created, so that whoever finds the bucket later
    /// can tell our own unfinished work from a bucket that stood there before.
    async fn make(&self, owner: &Owner, bucket: &BucketName) -> Result<(), EnsureError> {
        let state = self.claim(owner, bucket).await?;
        match (self.buckets.look(bucket).await?, state) {
            (Presence::Foreign, _) => Err(EnsureError::Conflict),
            (Presence::Hidden, _) => self.unveil(bucket).await,
            (Presence::Ours, ClaimState::Ready) => self.must_be_marked_ours(bucket).await,
            (Presence::Ours, ClaimState::Claimed) => {
                self.meet(owner, bucket).await?;
                self.create(owner, bucket).await
            }
            (Presence::Missing, _) | (Presence::Ours, ClaimState::Creating) => {
                self.create(owner, bucket).await
            }
        }
    }

    async fn claim(&self, owner: &Owner, bucket: &BucketName) -> Result<ClaimState, EnsureError> {
        match self.registry.claim(owner, bucket).await? {
            Claim::Held(state) => Ok(state),
            Claim::Conflict => Err(EnsureError::Conflict),
        }
    }

    /// A bucket stands at its first claim. Either another replica has just made it, and then the
    /// registry says so by now, or it was there before us.
    async fn meet(&self, owner: &Owner, bucket: &BucketName) -> Result<(), EnsureError> {
        let by_another_replica = self.claim(owner, bucket).await? > ClaimState::Claimed;
        if by_another_replica || self.settings.adopt {
            return Ok(());
        }
        Err(EnsureError::Conflict)
    }

    async fn create(&self, owner: &Owner, bucket: &BucketName) -> Result<(), EnsureError> {
        self.registry.advance(owner, ClaimState::Creating).await?;
        match self.buckets.create(bucket).await? {
            Creation::Made | Creation::AlreadyOurs => {}
            Creation::Foreign => return Err(EnsureError::Conflict),
        }
        // Engines answer a creation like a repetition of it, so the answer does not say whether
        // another deployment was here between our intent and now. Its mark does.
        self.must_be_marked_ours(bucket).await?;
        self.buckets
            .furnish(bucket, &self.settings.deployment)
            .await?;
        self.must_be_marked_ours(bucket).await?;
        Ok(self.registry.advance(owner, ClaimState::Ready).await?)
    }

    /// Staging and production on one store must not meet in one locker (contract section 5).
    async fn must_be_marked_ours(&self, bucket: &BucketName) -> Result<(), EnsureError> {
        let marker = self.buckets.marker(bucket).await?;
        if self.settings.adopt || marker.is_none_or(|marker| marker == self.settings.deployment) {
            return Ok(());
        }
        Err(EnsureError::Conflict)
    }

    /// An attempt to create says whether a foreign bucket is in the way or a right is lacking.
    async fn unveil(&self, bucket: &BucketName) -> Result<(), EnsureError> {
        if self.buckets.create(bucket).await? == Creation::Foreign {
            return Err(EnsureError::Conflict);
        }
        let cause = "the gateway may create buckets but not look at them: grant s3:ListBucket";
        Err(UpstreamFailure::new(FailureKind::Refused, cause).into())
    }

    fn under_way(&self) -> std::sync::MutexGuard<'_, HashMap<(Owner, BucketName), Making>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the owner off the list when its task ends, however it ends.
struct Leave<'a>(&'a Maker, &'a (Owner, BucketName));

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.under_way().remove(self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::fakes::{FakeBuckets, FakeRegistry, alice, bucket_of};

    const PATIENCE: Duration = Duration::from_secs(5);

    struct World {
        registry: Arc<FakeRegistry>,
        buckets: Arc<FakeBuckets>,
        deployment: &'static str,
    }

    impl World {
        fn new() -> Self {
            Self {
                registry: Arc::default(),
                buckets: Arc::default(),
                deployment: "production",
            }
        }

        /// Another deployment on the same store, with a registry of its own.
        fn another_deployment(&self) -> Self {
            Self {
                registry: Arc::default(),
                buckets: self.buckets.clone(),
                deployment: "staging",
            }
        }

        /// A gateway process: what it remembers does not outlive it.
        fn process(&self, adopt: bool) -> EnsureBucket {
            let settings = EnsureBucketSettings {
                deployment: self.deployment.to_owned(),
                recheck: PATIENCE,
                adopt,
            };
            let (registry, buckets) = (self.registry.clone(), self.buckets.clone());
            EnsureBucket::new(registry, buckets, settings, Handle::current())
        }
    }

    async fn ensure(process: &EnsureBucket) -> Result<(), EnsureError> {
        let bucket = bucket_of(&alice());
        process
            .ensure(&alice(), &bucket, Deadline::after(PATIENCE))
            .await
    }

    #[tokio::test]
    async fn the_first_call_makes_the_bucket_and_the_next_believes_it() {
        let world = World::new();
        let process = world.process(false);
        ensure(&process).await.unwrap();
        ensure(&process).await.unwrap();
        assert_eq!(
            world.buckets.calls(),
            ["look", "create", "marker", "furnish", "marker"]
        );
        assert_eq!(world.registry.state(&alice()), Some(ClaimState::Ready));
    }

    #[tokio::test]
    async fn concurrent_first_calls_make_one_bucket() {
        let world = World::new();
        let process = world.process(false);
        let calls = futures_util::future::join_all((0..50).map(|_| ensure(&process))).await;
        assert!(calls.iter().all(Result::is_ok));
        assert_eq!(
            world.buckets.calls(),
            ["look", "create", "marker", "furnish", "marker"]
        );
    }

    #[tokio::test]
    async fn a_bucket_that_stood_there_before_is_a_conflict() {
        let world = World::new();
        world.buckets.put(&bucket_of(&alice()), Presence::Ours);
        assert_eq!(
            ensure(&world.process(false)).await,
            Err(EnsureError::Conflict)
        );
        assert_eq!(
            ensure(&world.process(false)).await,
            Err(EnsureError::Conflict)
        );
        ensure(&world.process(true)).await.unwrap();
    }

    #[tokio::test]
    async fn a_foreign_bucket_is_a_conflict_even_when_adopting() {
        let world = World::new();
        world.buckets.put(&bucket_of(&alice()), Presence::Foreign);
        assert_eq!(
            ensure(&world.process(true)).await,
            Err(EnsureError::Conflict)
        );
    }

    #[tokio::test]
    async fn a_crash_between_intent_and_end_is_resumed() {
        for crash_after in ["create", "furnish"] {
            let world = World::new();
            world.buckets.fail_once_after(crash_after);
            assert!(ensure(&world.process(false)).await.is_err());
            ensure(&world.process(false)).await.unwrap();
            assert_eq!(world.registry.state(&alice()), Some(ClaimState::Ready));
        }
    }

    #[tokio::test]
    async fn another_deployments_bucket_is_a_conflict_even_after_a_failed_creation_of_ones_own() {
        let world = World::new();
        world.buckets.refuse_once("create");
        assert!(ensure(&world.process(false)).await.is_err());
        ensure(&world.another_deployment().process(false))
            .await
            .unwrap();
        assert_eq!(
            ensure(&world.process(false)).await,
            Err(EnsureError::Conflict)
        );
    }

    #[tokio::test]
    async fn two_deployments_at_once_do_not_share_a_bucket() {
        let world = World::new();
        let staging = world.another_deployment();
        let (one, two) = (world.process(false), staging.process(false));
        let (a, b) = tokio::join!(ensure(&one), ensure(&two));
        assert!(a.is_err() || b.is_err(), "{a:?} {b:?}");
        // Whoever lost is told so at the next look, whatever it believed before.
        let (a, b) = (
            ensure(&world.process(false)).await,
            ensure(&staging.process(false)).await,
        );
        assert!(a.is_err() || b.is_err(), "{a:?} {b:?}");
    }

    #[tokio::test]
    async fn a_gateway_that_lacks_rights_is_not_told_of_a_conflict() {
        let world = World::new();
        world.buckets.put(&bucket_of(&alice()), Presence::Hidden);
        let outcome = ensure(&world.process(false)).await;
        assert!(matches!(outcome, Err(EnsureError::Store(_))), "{outcome:?}");
    }

    #[tokio::test]
    async fn two_replicas_at_once_make_one_bucket() {
        let world = World::new();
        let (one, two) = (world.process(false), world.process(false));
        let (a, b) = tokio::join!(ensure(&one), ensure(&two));
        assert_eq!((a, b), (Ok(()), Ok(())));
    }

    #[tokio::test]
    async fn a_bucket_of_a_second_owner_is_a_conflict() {
        let world = World::new();
        let process = world.process(false);
        ensure(&process).await.unwrap();
        let other = crate::service::fakes::principal("demo", "mallory");
        let outcome = process
            .ensure(&other, &bucket_of(&alice()), Deadline::after(PATIENCE))
            .await;
        assert_eq!(outcome, Err(EnsureError::Conflict));
    }

    #[tokio::test]
    async fn a_bucket_deleted_behind_our_back_is_made_again() {
        let world = World::new();
        ensure(&world.process(false)).await.unwrap();
        world.buckets.put(&bucket_of(&alice()), Presence::Missing);
        ensure(&world.process(false)).await.unwrap();
        assert_eq!(
            world.buckets.look(&bucket_of(&alice())).await,
            Ok(Presence::Ours)
        );
    }

    #[tokio::test]
    async fn the_making_outlives_the_caller() {
        let world = World::new();
        world.buckets.hold();
        let process = world.process(false);
        let bucket = bucket_of(&alice());
        let soon = Deadline::after(Duration::from_millis(20));
        assert!(process.ensure(&alice(), &bucket, soon).await.is_err());
        world.buckets.release();
        ensure(&process).await.unwrap();
        assert_eq!(
            world.buckets.calls(),
            ["look", "create", "marker", "furnish", "marker"]
        );
    }
}
