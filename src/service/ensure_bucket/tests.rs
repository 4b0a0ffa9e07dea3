mod late;

use super::*;
use crate::service::fakes::{FakeBucketRegistry, FakeBuckets, alice, bucket_of, principal};

const PATIENCE: Duration = Duration::from_secs(5);

const PRODUCTION: &str = "0123456789abcdef0123456789abcdef";
const STAGING: &str = "fedcba9876543210fedcba9876543210";

struct World {
    registry: Arc<FakeBucketRegistry>,
    buckets: Arc<FakeBuckets>,
    deployment: &'static str,
}

impl World {
    fn new() -> Self {
        Self {
            registry: Arc::default(),
            buckets: Arc::default(),
            deployment: PRODUCTION,
        }
    }

    /// Another deployment on the same store, with a registry of its own.
    fn another_deployment(&self) -> Self {
        Self {
            registry: Arc::default(),
            buckets: self.buckets.clone(),
            deployment: STAGING,
        }
    }

    /// A gateway process, which remembers nothing from other processes.
    fn process(&self, adopt: bool) -> EnsureBucket {
        self.process_that_adopts(adopt, &[])
    }

    /// The same with `naming.adopt_from`.
    fn process_that_adopts(&self, adopt: bool, from: &[&str]) -> EnsureBucket {
        let settings = EnsureBucketSettings {
            deployment: self.deployment.to_owned(),
            recheck: PATIENCE,
            adopt,
            adopt_from: from.iter().map(|id| id.parse().unwrap()).collect(),
        };
        let ports = EnsureBucketPorts {
            registry: self.registry.clone(),
            buckets: self.buckets.clone(),
            runtime: Handle::current(),
        };
        EnsureBucket::new(ports, settings)
    }
}

async fn ensure(process: &EnsureBucket) -> Result<(), EnsureBucketError> {
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
        ["look", "create", "marker", "set_up", "marker"]
    );
    assert_eq!(
        world.registry.state(&alice()),
        Some(ReservationState::Ready)
    );
}

#[tokio::test]
async fn concurrent_first_calls_make_one_bucket() {
    let world = World::new();
    let process = world.process(false);
    let calls = futures_util::future::join_all((0..50).map(|_| ensure(&process))).await;
    assert!(calls.iter().all(Result::is_ok));
    assert_eq!(
        world.buckets.calls(),
        ["look", "create", "marker", "set_up", "marker"]
    );
}

#[tokio::test]
async fn a_bucket_that_stood_there_before_is_a_conflict() {
    let world = World::new();
    world.buckets.put(&bucket_of(&alice()), Presence::Ours);
    assert_eq!(
        ensure(&world.process(false)).await,
        Err(EnsureBucketError::Conflict)
    );
    assert_eq!(
        ensure(&world.process(false)).await,
        Err(EnsureBucketError::Conflict)
    );
    ensure(&world.process(true)).await.unwrap();
}

#[tokio::test]
async fn a_foreign_bucket_is_a_conflict_even_when_adopting() {
    let world = World::new();
    world.buckets.put(&bucket_of(&alice()), Presence::Foreign);
    assert_eq!(
        ensure(&world.process(true)).await,
        Err(EnsureBucketError::Conflict)
    );
}

#[tokio::test]
async fn a_bucket_with_another_deployments_tag_is_adopted_only_from_that_deployment() {
    let world = World::new();
    ensure(&world.process(false)).await.unwrap();
    let staging = world.another_deployment();
    for (adopt, from) in [(true, &[][..]), (true, &[STAGING]), (false, &[STAGING])] {
        let outcome = ensure(&staging.process_that_adopts(adopt, from)).await;
        assert_eq!(
            outcome,
            Err(EnsureBucketError::Conflict),
            "{adopt} {from:?}"
        );
        let tag = world.buckets.marker(&bucket_of(&alice())).await.unwrap();
        assert_eq!(tag.as_deref(), Some(PRODUCTION));
    }
    let adopting = staging.process_that_adopts(false, &[STAGING, PRODUCTION]);
    ensure(&adopting).await.unwrap();
    let tag = world.buckets.marker(&bucket_of(&alice())).await.unwrap();
    assert_eq!(tag.as_deref(), Some(STAGING));
    // The former deployment has lost it.
    assert_eq!(
        ensure(&world.process(true)).await,
        Err(EnsureBucketError::Conflict)
    );
}

#[tokio::test]
async fn an_untagged_bucket_is_not_adopted_from_a_deployment() {
    let world = World::new();
    world.buckets.put(&bucket_of(&alice()), Presence::Ours);
    let outcome = ensure(&world.process_that_adopts(false, &[STAGING])).await;
    assert_eq!(outcome, Err(EnsureBucketError::Conflict));
}

#[tokio::test]
async fn an_adoption_that_was_cut_off_is_resumed() {
    for crash_after in ["create", "set_up"] {
        let world = World::new();
        ensure(&world.process(false)).await.unwrap();
        let heir = world.another_deployment();
        world.buckets.fail_once_after(crash_after);
        let adopting = || heir.process_that_adopts(false, &[PRODUCTION]);
        assert!(ensure(&adopting()).await.is_err());
        ensure(&adopting()).await.unwrap();
    }
}

#[tokio::test]
async fn a_crash_between_intent_and_end_is_resumed() {
    for crash_after in ["create", "set_up"] {
        let world = World::new();
        world.buckets.fail_once_after(crash_after);
        assert!(ensure(&world.process(false)).await.is_err());
        ensure(&world.process(false)).await.unwrap();
        assert_eq!(
            world.registry.state(&alice()),
            Some(ReservationState::Ready)
        );
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
        Err(EnsureBucketError::Conflict)
    );
}

#[tokio::test]
async fn two_deployments_at_once_do_not_share_a_bucket() {
    let world = World::new();
    let staging = world.another_deployment();
    let (one, two) = (world.process(false), staging.process(false));
    let (a, b) = tokio::join!(ensure(&one), ensure(&two));
    assert!(a.is_err() || b.is_err(), "{a:?} {b:?}");
    // The one that lost is told so at the next look.
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
    assert!(
        matches!(outcome, Err(EnsureBucketError::Store(_))),
        "{outcome:?}"
    );
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
    let other = principal("demo", "mallory");
    let outcome = process
        .ensure(&other, &bucket_of(&alice()), Deadline::after(PATIENCE))
        .await;
    assert_eq!(outcome, Err(EnsureBucketError::Conflict));
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
async fn a_bucket_that_an_erasure_removes_meanwhile_is_not_made_again() {
    let world = World::new();
    ensure(&world.process(false)).await.unwrap();
    let made = world.buckets.calls().len();
    // The calls of the making.
    world.buckets.arrived().await;
    world.buckets.hold();
    let process = world.process(false);
    let erase = async {
        world.buckets.arrived().await;
        world.registry.block("erased");
        world.buckets.put(&bucket_of(&alice()), Presence::Missing);
        world.buckets.release();
    };
    let (outcome, ()) = tokio::join!(ensure(&process), erase);
    assert_eq!(
        outcome,
        Err(EnsureBucketError::Blocked("erased".to_owned()))
    );
    assert_eq!(world.buckets.calls()[made..], ["look"]);
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
        ["look", "create", "marker", "set_up", "marker"]
    );
}

#[tokio::test]
async fn a_bucket_whose_reservation_is_gone_is_neither_made_nor_believed() {
    let world = World::new();
    world.buckets.hold();
    let process = world.process(false);
    let release = async {
        world.buckets.arrived().await;
        world.registry.forget(&alice());
        world.buckets.release();
    };
    let (made, ()) = tokio::join!(ensure(&process), release);
    assert_eq!(made, Err(RegistryError::not_reserved().into()));
    assert_eq!(world.buckets.calls(), ["look"]);
    ensure(&process).await.unwrap();
    assert_eq!(
        world.registry.state(&alice()),
        Some(ReservationState::Ready)
    );
}

#[tokio::test(start_paused = true)]
async fn creations_that_hang_are_bounded_and_leave_existing_buckets_alone() {
    let world = World::new();
    ensure(&world.process(false)).await.unwrap();
    let process = world.process(false);
    world.buckets.hold();
    let call = async |owner: Owner| {
        let soon = Deadline::after(Duration::from_millis(1_500));
        process.ensure(&owner, &bucket_of(&owner), soon).await
    };
    let newcomer = |n: usize| principal("demo", &format!("newcomer-{n}"));
    let calls = futures_util::future::join_all((0..100).map(|n| call(newcomer(n)))).await;
    let overloaded =
        |outcome: &&Result<(), EnsureBucketError>| **outcome == Err(EnsureBucketError::Overloaded);
    assert_eq!(calls.iter().filter(overloaded).count(), 100 - 64);
    assert_ne!(call(alice()).await, Err(EnsureBucketError::Overloaded));
    world.buckets.release();
    assert_eq!(call(newcomer(99)).await, Ok(()));
}

#[tokio::test]
async fn rules_of_a_ready_bucket_are_repaired_and_keep_no_one_out() {
    let world = World::new();
    ensure(&world.process(false)).await.unwrap();
    assert!(!world.buckets.calls().contains(&"repair_rules"));
    world.buckets.refuse_once("repair_rules");
    for repairs in 1..=2 {
        ensure(&world.process(false)).await.unwrap();
        let repaired = || {
            let calls = world.buckets.calls().into_iter();
            calls.filter(|call| *call == "repair_rules").count()
        };
        while repaired() < repairs {
            tokio::task::yield_now().await;
        }
    }
}
