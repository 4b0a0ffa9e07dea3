//! Who is to blame for a bucket that is late.

use async_trait::async_trait;

use super::*;

/// A registry that takes so long for each step.
struct SlowRegistry(Arc<FakeBucketRegistry>, Duration);

#[async_trait]
impl BucketRegistry for SlowRegistry {
    async fn reserve(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
    ) -> Result<ReserveOutcome, RegistryError> {
        tokio::time::sleep(self.1).await;
        self.0.reserve(bucket_owner, bucket).await
    }

    async fn advance(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
        to: ReservationState,
    ) -> Result<(), RegistryError> {
        tokio::time::sleep(self.1).await;
        self.0.advance(bucket_owner, bucket, to).await
    }

    async fn state(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
    ) -> Result<Option<ReservationState>, RegistryError> {
        let registry: &dyn BucketRegistry = self.0.as_ref();
        registry.state(bucket_owner, bucket).await
    }
}

fn with_slow_registry(world: &World, step: Duration) -> EnsureBucket {
    let mut process = world.process(false);
    let registry = Arc::new(SlowRegistry(world.registry.clone(), step));
    let maker = Arc::get_mut(&mut process.maker).unwrap();
    maker.registry = registry;
    process
}

/// How a first call ends with such a registry; the store hangs if it is held.
async fn ensure_with_slow_registry(world: &World, step: Duration) -> Result<(), EnsureBucketError> {
    ensure(&with_slow_registry(world, step)).await
}

#[tokio::test(start_paused = true)]
async fn a_slow_registry_is_blamed_for_a_bucket_that_is_late() {
    for (step, store_hangs) in [(1_500, false), (3_500, true)] {
        let world = World::new();
        if store_hangs {
            world.buckets.hold();
        }
        let outcome = ensure_with_slow_registry(&world, Duration::from_millis(step)).await;
        let blamed = matches!(outcome, Err(EnsureBucketError::Registry(_)));
        assert!(blamed, "{step} ms: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_is_blamed_for_a_bucket_that_is_late() {
    let world = World::new();
    world.buckets.hold();
    let outcome = ensure_with_slow_registry(&world, Duration::from_millis(500)).await;
    assert!(
        matches!(outcome, Err(EnsureBucketError::Store(_))),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_caller_has_waited_for_before_counts() {
    for (before, registry_is_to_blame) in [(500, false), (1_500, true)] {
        let world = World::new();
        world.buckets.hold();
        let process = with_slow_registry(&world, Duration::from_millis(1_500));
        let waiting = Waiting::begin(Side::Registry);
        tokio::time::sleep(Duration::from_millis(before)).await;
        let deadline = Deadline::after(PATIENCE);
        let (owner, bucket) = (alice(), bucket_of(&alice()));
        let late = process.ensure_since(&owner, &bucket, None, deadline, &waiting);
        let late = late.await;
        let is_right = match &late {
            Err(EnsureBucketError::Registry(_)) => registry_is_to_blame,
            Err(EnsureBucketError::Store(_)) => !registry_is_to_blame,
            _ => false,
        };
        assert!(is_right, "{before} ms: {late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_creation_has_waited_for_before_does_not_count() {
    let world = World::new();
    world.buckets.hold();
    let process = with_slow_registry(&world, Duration::from_secs(3));
    let joining = async {
        tokio::time::sleep(Duration::from_millis(3_100)).await;
        let deadline = Deadline::after(Duration::from_millis(1_800));
        process
            .ensure(&alice(), &bucket_of(&alice()), deadline)
            .await
    };
    let (first, joined) = tokio::join!(ensure(&process), joining);
    assert!(
        matches!(first, Err(EnsureBucketError::Registry(_))),
        "{first:?}"
    );
    assert!(
        matches!(joined, Err(EnsureBucketError::Store(_))),
        "{joined:?}"
    );
}
