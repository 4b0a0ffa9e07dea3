use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyState, BucketFormula, CapabilityId, KeyOwner, KeyRights,
    RequestId, Scope, Subject,
};
use crate::service::fakes::{FakeDirectory, FakeEngine, FakeKeyRegistry, FixedClock, Nothing};
use crate::service::{Clock, Deadline, KeyRefusal, Randomness, Refusal};

use super::timing::{GONE, RENEW_EVERY, STALE};
use super::*;

/// Never the same twice.
#[derive(Default)]
struct Counter(AtomicU8);

impl Randomness for Counter {
    fn bits(&self) -> [u8; 16] {
        [self.0.fetch_add(1, Ordering::SeqCst); 16]
    }
}

/// A gateway with one access key, whose pair `old` is the current one.
struct World {
    registry: Arc<FakeKeyRegistry>,
    engine: Arc<FakeEngine>,
    keeper: Arc<KeyKeeper>,
    rotate_key: RotateKey,
    id: AccessKeyId,
}

impl World {
    fn new() -> Self {
        let id = AccessKeyId::from_random([7; 16]);
        let registry = Arc::new(FakeKeyRegistry::new(AccessKey {
            id: id.clone(),
            name: "test".to_owned(),
            created_at: FixedClock.now(),
            owner: KeyOwner::Subject(Subject::parse("alice").unwrap()),
            rights: KeyRights {
                read_buckets: vec!["data".parse().unwrap()],
                ..KeyRights::default()
            },
            networks: Vec::new(),
            state: AccessKeyState::Active,
            disabled_at: None,
        }));
        registry.row().pairs.push(RecordedPair {
            id: "old".to_owned(),
            standing: PairStanding::Current,
        });
        let engine = Arc::<FakeEngine>::default();
        engine.add("old");
        let randomness = Arc::<Counter>::default();
        let keeper = Arc::new(KeyKeeper::new(KeyKeeperPorts {
            engine: Arc::<FakeEngine>::clone(&engine),
            registry: Arc::<FakeKeyRegistry>::clone(&registry),
            clock: Arc::new(FixedClock),
            randomness: Arc::<Counter>::clone(&randomness),
        }));
        let ports = RotateKeyPorts {
            engine: Some(Arc::<FakeEngine>::clone(&engine)),
            registry: Arc::<FakeKeyRegistry>::clone(&registry),
            keeper: Some(Arc::clone(&keeper)),
            directory: Arc::new(FakeDirectory::default()),
            rate_limiter: Arc::new(Nothing),
            clock: Arc::new(FixedClock),
            randomness,
        };
        let settings = RotateKeySettings {
            formula: BucketFormula::default(),
            has_bucket_prefix: false,
            overlap: Duration::ZERO,
        };
        let scope = Scope::parse("object_storage").unwrap();
        let admission = KeyAdmission {
            oauth_scope: scope.clone(),
            scope,
            capabilities: None,
        };
        Self {
            rotate_key: RotateKey::new(ports, settings, admission, Handle::current()),
            registry,
            engine,
            keeper,
            id,
        }
    }

    async fn rotate(&self) -> Result<Rotated, Refusal> {
        let rotation = Rotation {
            request_id: RequestId::from_random([1; 16]),
            dialect: "test",
            requester: Requester::Capability(CapabilityId::from_random([2; 16])),
            address: None,
            key: self.id.clone(),
        };
        let deadline = Deadline::after(Duration::from_secs(5));
        self.rotate_key.rotate(rotation, deadline).await
    }

    /// Takes the key as another gateway would that holds this one to be gone.
    fn steal_when(&self, call: &'static str) {
        let registry = Arc::clone(&self.registry);
        self.engine
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
    assert_eq!(world.engine.calls(), calls);
    assert_eq!(world.engine.pairs(), ["pair-1"]);
    assert_eq!(world.registry.row().current(), Some("pair-1"));
    assert_eq!(world.registry.row().lease, "");
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_the_engine_never_takes_leaves_the_old_one() {
    let world = World::new();
    world.engine.refuse(&["works"]);
    let rotated = world.rotate().await.unwrap();
    assert_eq!(rotated.key.state, AccessKeyState::Pending);
    assert_eq!(world.engine.pairs(), ["old", "pair-1"]);
    assert_eq!(world.registry.row().current(), Some("old"));
    world.until_free().await;
    assert_eq!(world.engine.pairs(), ["old"]);
    assert_eq!(world.registry.row().current(), Some("old"));
    assert_eq!(world.registry.row().pairs.len(), 1);
    assert_eq!(world.registry.row().key.state, AccessKeyState::Failed);
    world.engine.refuse(&[]);
    assert_eq!(
        world.rotate().await.unwrap().key.state,
        AccessKeyState::Active
    );
    assert_eq!(world.engine.pairs(), ["pair-2"]);
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
    assert_eq!(world.engine.pairs(), ["old"]);
    assert_eq!(world.registry.row().current(), Some("old"));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_taken_after_the_deadline_is_given_back() {
    let world = World::new();
    world.registry.row().taking = Duration::from_secs(8);
    let started = Instant::now();
    let refusal = world.rotate().await.unwrap_err();
    assert!(
        matches!(refusal, Refusal::Key(KeyRefusal::NotQueued(_))),
        "{refusal}"
    );
    assert_eq!(started.elapsed().as_secs(), 5);
    let taken = world.until_free().await;
    assert!(taken < Duration::from_secs(4), "{taken:?}");
    assert_eq!(world.engine.pairs(), ["old"]);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_lost_its_lease_ends_no_pair() {
    // While the new pair is proven: another rotation's from now on.
    let world = World::new();
    world.steal_when("works");
    let refusal = world.rotate().await.unwrap_err();
    assert!(
        matches!(refusal, Refusal::Key(KeyRefusal::Pending)),
        "{refusal}"
    );
    assert_eq!(world.engine.pairs(), ["old", "pair-1"]);
    assert_eq!(world.registry.row().lease, "another");

    // After it was promoted, before the old one is ended.
    let world = World::new();
    let registry = Arc::clone(&world.registry);
    world.engine.when("withdraw", move || {
        panic!("{:?} is withdrawn", registry.row().pairs)
    });
    world.registry.row().lease_lost_after_promotion = true;
    world.rotate().await.unwrap();
    assert_eq!(world.engine.pairs(), ["old", "pair-1"]);

    // While a pair is made that cannot be recorded.
    let world = World::new();
    world.steal_when("issue");
    world.rotate().await.unwrap_err();
    assert_eq!(world.engine.pairs(), ["old", "pair-1"]);
    assert_ne!(
        world.registry.row().unclean,
        "",
        "nobody knows of the new pair"
    );
}

#[tokio::test(start_paused = true)]
async fn a_look_that_lost_its_lease_ends_no_pair() {
    let world = World::new();
    world.engine.add("stray");
    world.registry.row().unclean = "a rotation".to_owned();
    world.steal_when("pairs");
    let error = world.keeper.look_after(&world.id).await.unwrap_err();
    assert!(matches!(error, KeeperError::Lost), "{error}");
    assert_eq!(world.engine.pairs(), ["old", "stray"]);
    assert_eq!(world.registry.row().lease, "another");
}

#[tokio::test(start_paused = true)]
async fn a_failed_rotation_gives_the_key_back_at_once() {
    let world = World::new();
    world.engine.refuse(&["issue"]);
    for _ in 0..2 {
        let refusal = world.rotate().await.unwrap_err();
        assert!(matches!(refusal, Refusal::Store(_)), "{refusal}");
        assert_eq!(world.registry.row().lease, "");
    }
    assert_eq!(world.registry.row().unclean, "");
    assert_eq!(world.registry.row().key.state, AccessKeyState::Active);
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_rotation_leaves_at_the_engine_is_ended_by_the_keeper() {
    let world = World::new();
    let engine = Arc::clone(&world.engine);
    // The pair is made, and then the engine fails in everything.
    engine.refuse(&["works"]);
    let failing = Arc::clone(&world.engine);
    engine.when("works", move || {
        failing.refuse(&["works", "withdraw", "pairs"]);
    });
    world.rotate().await.unwrap();
    world.until_free().await;
    assert_eq!(world.engine.pairs(), ["old", "pair-1"]);
    let refusal = world.rotate().await.unwrap_err();
    assert!(
        matches!(refusal, Refusal::Store(_)),
        "it is the engine that fails, and the key is free: {refusal}"
    );
    world.keeper.look_after_all().await.unwrap();
    assert_eq!(world.registry.row().lease, "", "a look that fails, too");
    world.engine.when("nothing", || ());
    world.engine.refuse(&[]);
    world.keeper.look_after_all().await.unwrap();
    assert_eq!(world.engine.pairs(), ["old"]);
    assert_eq!(world.registry.row().unclean, "");
    assert_eq!(world.registry.row().key.state, AccessKeyState::Failed);
    world.engine.calls();
    world.keeper.look_after_all().await.unwrap();
    assert_eq!(world.engine.calls(), [""; 0], "there is nothing left to do");
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_rotation_was_killed_is_free_within_half_a_minute() {
    let world = World::new();
    world.registry.row().lease = "killed".to_owned();
    world.registry.row().renewals = 1;
    world.registry.row().began = FixedClock.now();
    world.registry.row().key.state = AccessKeyState::Pending;
    world.engine.add("stray");
    let started = Instant::now();
    while world.registry.row().lease == "killed" {
        world.keeper.look_after_all().await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(30));
        sleep(KeyKeeper::EVERY).await;
    }
    assert!(started.elapsed() >= GONE, "it could have been at work");
    assert_eq!(world.registry.row().lease, "");
    assert_eq!(world.engine.pairs(), ["old"]);
    world.rotate().await.unwrap();
}

/// Rotates a key whose new pair the engine does not take yet.
async fn pending_rotation() -> World {
    let world = World::new();
    world.engine.refuse(&["works"]);
    let rotated = world.rotate().await.unwrap();
    assert_eq!(rotated.key.state, AccessKeyState::Pending);
    world
}

/// The pair that was handed out and not proven lives beside the old one, until the next rotation.
async fn assert_both_live_until_the_next_rotation(world: &World) {
    let started = Instant::now();
    while started.elapsed() < STALE {
        world.keeper.look_after_all().await.unwrap();
        sleep(KeyKeeper::EVERY).await;
    }
    assert_eq!(world.registry.row().lease, "");
    assert_eq!(world.engine.pairs(), ["old", "pair-1"]);
    assert_eq!(world.registry.row().current(), Some("old"));
    assert_eq!(world.registry.row().key.state, AccessKeyState::Pending);
    world.engine.calls();
    world.keeper.look_after_all().await.unwrap();
    assert_eq!(world.engine.calls(), [""; 0], "there is nothing left to do");
    world.engine.refuse(&[]);
    world.rotate().await.unwrap();
    assert_eq!(world.engine.pairs(), ["pair-2"]);
    assert_eq!(world.registry.row().current(), Some("pair-2"));
    assert_eq!(world.registry.row().pairs.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_stops_waits_for_the_proof_of_a_new_pair() {
    let world = pending_rotation().await;
    let engine = Arc::clone(&world.engine);
    tokio::spawn(async move {
        sleep(Duration::from_secs(10)).await;
        engine.refuse(&[]);
    });
    let started = Instant::now();
    let rotations = world.rotate_key.rotations();
    rotations.end_within(Duration::from_secs(30)).await;
    assert!(started.elapsed() < Duration::from_secs(12));
    assert_eq!(world.engine.pairs(), ["pair-1"]);
    assert_eq!(world.registry.row().lease, "");
    assert_eq!(world.registry.row().key.state, AccessKeyState::Active);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_stops_before_the_proof_leaves_both_pairs() {
    let world = pending_rotation().await;
    let rotations = world.rotate_key.rotations();
    let started = Instant::now();
    rotations.end_within(Duration::from_secs(12)).await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(12), "{took:?}");
    assert_eq!(world.registry.row().lease, "", "the key is given back");
    assert_both_live_until_the_next_rotation(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_pair_whose_gateway_was_killed_before_the_proof_is_not_withdrawn() {
    let world = pending_rotation().await;
    // The gateway is killed: its rotation does nothing any more, and its lease stands still.
    world.registry.row().lease = "killed".to_owned();
    assert_both_live_until_the_next_rotation(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_was_not_received_is_given_up() {
    let world = World::new();
    let mut asking = Box::pin(world.rotate());
    world.registry.row().taking = Duration::from_millis(10);
    let begun = timeout(Duration::from_millis(2), &mut asking).await;
    assert!(begun.is_err(), "the rotation was quicker than its caller");
    // The request is neither over nor looks at what it is sent.
    let taken = world.until_free().await;
    assert!(taken < Duration::from_secs(3), "{taken:?}");
    assert_eq!(world.engine.pairs(), ["old"]);
    assert_eq!(world.registry.row().current(), Some("old"));
    asking.await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn time_in_which_leases_cannot_be_read_does_not_count() {
    let world = World::new();
    world.registry.row().lease = "at work".to_owned();
    world.registry.row().renewals = 1;
    world.registry.row().began = FixedClock.now();
    world.keeper.look_after_all().await.unwrap();
    world.registry.row().reading_leases = Err(RegistryError::late("leases"));
    let started = Instant::now();
    while started.elapsed() < GONE {
        world.keeper.look_after_all().await.unwrap_err();
        sleep(KeyKeeper::EVERY).await;
    }
    world.registry.row().reading_leases = Ok(());
    world.keeper.look_after_all().await.unwrap();
    assert_eq!(world.registry.row().lease, "at work");
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_a_version_that_does_not_renew_is_not_taken_over_early() {
    let world = World::new();
    world.registry.row().lease = "of an earlier version".to_owned();
    world.registry.row().began = FixedClock.now();
    let started = Instant::now();
    while started.elapsed() < GONE + KeyKeeper::EVERY {
        world.keeper.look_after_all().await.unwrap();
        sleep(KeyKeeper::EVERY).await;
    }
    assert_eq!(world.registry.row().lease, "of an earlier version");
    // By the clock it ends all the same.
    world.registry.row().began = FixedClock.now() - STALE * 2;
    world.keeper.look_after_all().await.unwrap();
    assert_eq!(world.registry.row().lease, "");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_hangs_keeps_a_key_no_longer_than_the_lease_counts() {
    let world = World::new();
    world.engine.refuse(&["works"]);
    let hanging = Arc::clone(&world.engine);
    let event = move || hanging.delay(Duration::from_hours(1));
    world.engine.when("withdraw", event);
    world.rotate().await.unwrap();
    world.until_free().await;
    assert_eq!(world.engine.pairs(), ["old", "pair-1"]);
    assert_ne!(world.registry.row().unclean, "");
    world.keeper.look_after_all().await.unwrap();
    assert_eq!(world.registry.row().lease, "");
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_takes_its_time_is_not_taken_over() {
    let world = World::new();
    world.engine.refuse(&["works"]);
    world.rotate().await.unwrap();
    let lease = world.registry.row().lease.clone();
    assert_ne!(lease, "");
    let started = Instant::now();
    while started.elapsed() < GONE + RENEW_EVERY {
        world.keeper.look_after_all().await.unwrap();
        assert_eq!(world.registry.row().lease, lease);
        sleep(KeyKeeper::EVERY).await;
    }
}
