use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::domain::{
    AccessKeyId, AccessKeyState, BlockInForce, CallerId, CapabilityId, RequestId, Restrictions,
};
use crate::service::fakes::{
    FakeAccessKeyRegistry, FakeBroker, FixedClock, rotate_access_key, test_access_key,
};
use crate::service::{AccessKeyRefusal, Clock, Deadline, Randomness, Refusal, RegistryError};

use super::timing::STALE;
use super::*;

mod leases;
mod stops;

/// Bits that differ each time.
#[derive(Default)]
struct Counter(AtomicU8);

impl Randomness for Counter {
    fn bits(&self) -> [u8; 16] {
        [self.0.fetch_add(1, Ordering::SeqCst); 16]
    }
}

/// A gateway with one access key, whose pair `old` is the current one.
struct World {
    registry: Arc<FakeAccessKeyRegistry>,
    broker: Arc<FakeBroker>,
    keeper: Arc<AccessKeyKeeper>,
    rotate_access_key: RotateAccessKey,
    id: AccessKeyId,
}

impl World {
    fn new() -> Self {
        let key = test_access_key();
        let id = key.id.clone();
        let registry = Arc::new(FakeAccessKeyRegistry::new(key));
        registry.row().pairs.push(RecordedPair {
            id: "old".to_owned(),
            standing: PairStanding::Current,
        });
        let broker = Arc::<FakeBroker>::default();
        broker.add("old");
        let randomness = Arc::<Counter>::default();
        let keeper = Arc::new(AccessKeyKeeper::new(AccessKeyKeeperPorts {
            broker: Arc::<FakeBroker>::clone(&broker),
            registry: Arc::<FakeAccessKeyRegistry>::clone(&registry),
            clock: Arc::new(FixedClock),
            randomness: Arc::<Counter>::clone(&randomness),
        }));
        Self {
            rotate_access_key: rotate_access_key(
                Arc::clone(&registry),
                Arc::clone(&broker),
                randomness,
            ),
            registry,
            broker,
            keeper,
            id,
        }
    }

    async fn rotate(&self) -> Result<Rotated, Refusal> {
        let rotation = Rotation {
            request_id: RequestId::from_random([1; 16]),
            dialect: "test",
            caller: RotationCaller::Capability(CapabilityId::from_random([2; 16])),
            address: None,
            key: self.id.clone(),
        };
        let deadline = Deadline::after(Duration::from_secs(5));
        self.rotate_access_key.rotate(rotation, deadline).await
    }

    /// Takes the key, as another gateway would that takes this one for gone.
    fn steal_when(&self, call: &'static str) {
        let registry = Arc::clone(&self.registry);
        self.broker
            .when(call, move || registry.row().lease = "another".to_owned());
    }

    async fn until_free(&self) -> Duration {
        let started = Instant::now();
        while !self.registry.row().lease.is_empty() {
            assert!(started.elapsed() < STALE, "the key is still taken");
            sleep(Duration::from_millis(100)).await;
        }
        started.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn the_old_pair_ends_after_the_new_one_is_proven() {
    let world = World::new();
    let rotated = world.rotate().await.unwrap();
    assert_eq!(rotated.key.state, AccessKeyState::Active);
    assert_eq!(rotated.pair.access_key_id, "pair-1");
    let calls = ["pairs", "issue", "works pair-1", "withdraw old", "pairs"];
    assert_eq!(world.broker.calls(), calls);
    assert_eq!(world.broker.pairs(), ["pair-1"]);
    assert_eq!(world.registry.row().current(), Some("pair-1"));
    assert_eq!(world.registry.row().lease, "");
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_the_engine_never_takes_leaves_the_old_one() {
    let world = World::new();
    world.broker.refuse(&["works"]);
    let rotated = world.rotate().await.unwrap();
    assert_eq!(rotated.key.state, AccessKeyState::Pending);
    assert_eq!(world.broker.pairs(), ["old", "pair-1"]);
    assert_eq!(world.registry.row().current(), Some("old"));
    world.until_free().await;
    assert_eq!(world.broker.pairs(), ["old"]);
    assert_eq!(world.registry.row().current(), Some("old"));
    assert_eq!(world.registry.row().pairs.len(), 1);
    assert_eq!(world.registry.row().key.state, AccessKeyState::Failed);
    world.broker.refuse(&[]);
    assert_eq!(
        world.rotate().await.unwrap().key.state,
        AccessKeyState::Active
    );
    assert_eq!(world.broker.pairs(), ["pair-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_leaves_the_key_free_and_the_old_pair() {
    let world = World::new();
    world.registry.row().taking = Duration::from_millis(10);
    let gone = timeout(Duration::from_millis(2), world.rotate()).await;
    assert!(gone.is_err(), "the rotation was quicker than its caller");
    assert_ne!(world.registry.row().lease, "", "the key was not taken");
    let taken = world.until_free().await;
    assert!(taken < Duration::from_secs(1), "{taken:?}");
    assert_eq!(world.broker.pairs(), ["old"]);
    assert_eq!(world.registry.row().current(), Some("old"));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_taken_after_the_deadline_is_given_back() {
    let world = World::new();
    world.registry.row().taking = Duration::from_secs(8);
    let started = Instant::now();
    let refusal = world.rotate().await.unwrap_err();
    assert!(
        matches!(refusal, Refusal::AccessKey(AccessKeyRefusal::NotQueued(_))),
        "{refusal}"
    );
    assert_eq!(started.elapsed().as_secs(), 5);
    let taken = world.until_free().await;
    assert!(taken < Duration::from_secs(4), "{taken:?}");
    assert_eq!(world.broker.pairs(), ["old"]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_is_blocked_while_the_pair_is_made_does_not_get_it() {
    let world = World::new();
    let registry = Arc::clone(&world.registry);
    world.broker.when("issue", move || {
        let caller = CallerId::Capability(CapabilityId::from_random([2; 16]));
        let block = BlockInForce {
            reason: "left".to_owned(),
            until: None,
        };
        let key = ("caller".to_owned(), caller.to_string());
        registry.row().restrictions =
            Restrictions::new(1, HashMap::from([(key, block)]), HashMap::new());
    });
    let refusal = world.rotate().await.unwrap_err();
    assert!(matches!(refusal, Refusal::Blocked { .. }), "{refusal}");
    world.until_free().await;
    assert_eq!(world.broker.pairs(), ["old"]);
    assert_eq!(world.registry.row().current(), Some("old"));
}
