//! Who may work on a key, and until when.

use super::super::timing::{GONE, RENEW_EVERY};
use super::*;

#[tokio::test(start_paused = true)]
async fn a_rotation_that_lost_its_lease_ends_no_pair() {
    // While the new pair is proven: another rotation's from now on.
    let world = World::new();
    world.steal_when("works");
    let refusal = world.rotate().await.unwrap_err();
    assert!(
        matches!(refusal, Refusal::AccessKey(AccessKeyRefusal::Pending)),
        "{refusal}"
    );
    assert_eq!(world.broker.pairs(), ["old", "pair-1"]);
    assert_eq!(world.registry.row().lease, "another");

    // After it was promoted, before the old one is ended.
    let world = World::new();
    let registry = Arc::clone(&world.registry);
    world.broker.when("withdraw", move || {
        panic!("{:?} is withdrawn", registry.row().pairs)
    });
    world.registry.row().lease_lost_after_promotion = true;
    world.rotate().await.unwrap();
    assert_eq!(world.broker.pairs(), ["old", "pair-1"]);

    // While a pair is made that cannot be recorded.
    let world = World::new();
    world.steal_when("issue");
    world.rotate().await.unwrap_err();
    assert_eq!(world.broker.pairs(), ["old", "pair-1"]);
    assert_ne!(
        world.registry.row().unclean,
        "",
        "the new pair is not on record"
    );
}

#[tokio::test(start_paused = true)]
async fn a_look_that_lost_its_lease_ends_no_pair() {
    let world = World::new();
    world.broker.add("stray");
    world.registry.row().unclean = "a rotation".to_owned();
    world.steal_when("pairs");
    let error = world.keeper.look_after(&world.id).await.unwrap_err();
    assert!(matches!(error, PairsError::LeaseLost), "{error}");
    assert_eq!(world.broker.pairs(), ["old", "stray"]);
    assert_eq!(world.registry.row().lease, "another");
}

#[tokio::test(start_paused = true)]
async fn a_failed_rotation_gives_the_key_back_at_once() {
    let world = World::new();
    world.broker.refuse(&["issue"]);
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
    let broker = Arc::clone(&world.broker);
    // The pair is made, and then the engine fails in everything.
    broker.refuse(&["works"]);
    let failing = Arc::clone(&world.broker);
    broker.when("works", move || {
        failing.refuse(&["works", "withdraw", "pairs"]);
    });
    world.rotate().await.unwrap();
    world.until_free().await;
    assert_eq!(world.broker.pairs(), ["old", "pair-1"]);
    let refusal = world.rotate().await.unwrap_err();
    assert!(
        matches!(refusal, Refusal::Store(_)),
        "it is the engine that fails, and the key is free: {refusal}"
    );
    world.keeper.look_after_all().await.unwrap();
    assert_eq!(world.registry.row().lease, "", "a look that fails, too");
    world.broker.when("nothing", || ());
    world.broker.refuse(&[]);
    world.keeper.look_after_all().await.unwrap();
    assert_eq!(world.broker.pairs(), ["old"]);
    assert_eq!(world.registry.row().unclean, "");
    assert_eq!(world.registry.row().key.state, AccessKeyState::Failed);
    world.broker.calls();
    world.keeper.look_after_all().await.unwrap();
    assert_eq!(world.broker.calls(), [""; 0], "there is nothing left to do");
}

#[tokio::test(start_paused = true)]
async fn killed_rotation_releases_the_key_within_30_seconds() {
    let world = World::new();
    world.registry.row().lease = "killed".to_owned();
    world.registry.row().renewals = 1;
    world.registry.row().began = FixedClock.now();
    world.registry.row().key.state = AccessKeyState::Pending;
    world.broker.add("stray");
    let started = Instant::now();
    while world.registry.row().lease == "killed" {
        world.keeper.look_after_all().await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(30));
        sleep(AccessKeyKeeper::EVERY).await;
    }
    assert!(started.elapsed() >= GONE, "it could have been at work");
    assert_eq!(world.registry.row().lease, "");
    assert_eq!(world.broker.pairs(), ["old"]);
    world.rotate().await.unwrap();
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
        sleep(AccessKeyKeeper::EVERY).await;
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
    while started.elapsed() < GONE + AccessKeyKeeper::EVERY {
        world.keeper.look_after_all().await.unwrap();
        sleep(AccessKeyKeeper::EVERY).await;
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
    world.broker.refuse(&["works"]);
    let hanging = Arc::clone(&world.broker);
    let event = move || hanging.delay(Duration::from_hours(1));
    world.broker.when("withdraw", event);
    world.rotate().await.unwrap();
    world.until_free().await;
    assert_eq!(world.broker.pairs(), ["old", "pair-1"]);
    assert_ne!(world.registry.row().unclean, "");
    world.keeper.look_after_all().await.unwrap();
    assert_eq!(world.registry.row().lease, "");
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_takes_its_time_is_not_taken_over() {
    let world = World::new();
    world.broker.refuse(&["works"]);
    world.rotate().await.unwrap();
    let lease = world.registry.row().lease.clone();
    assert_ne!(lease, "");
    let started = Instant::now();
    while started.elapsed() < GONE + RENEW_EVERY {
        world.keeper.look_after_all().await.unwrap();
        assert_eq!(world.registry.row().lease, lease);
        sleep(AccessKeyKeeper::EVERY).await;
    }
}
