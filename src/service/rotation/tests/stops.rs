//! A rotation whose gateway stops, or whose caller goes away, before the new pair is proven.

use super::*;

async fn pending_rotation() -> World {
    let world = World::new();
    world.broker.refuse(&["works"]);
    let rotated = world.rotate().await.unwrap();
    assert_eq!(rotated.key.state, AccessKeyState::Pending);
    world
}

/// The pair that was handed out and not proven lives beside the old one, until the next rotation.
async fn assert_both_live_until_the_next_rotation(world: &World) {
    let started = Instant::now();
    while started.elapsed() < STALE {
        world.keeper.look_after_all().await.unwrap();
        sleep(AccessKeyKeeper::EVERY).await;
    }
    assert_eq!(world.registry.row().lease, "");
    assert_eq!(world.broker.pairs(), ["old", "pair-1"]);
    assert_eq!(world.registry.row().current(), Some("old"));
    assert_eq!(world.registry.row().key.state, AccessKeyState::Pending);
    world.broker.calls();
    world.keeper.look_after_all().await.unwrap();
    assert_eq!(world.broker.calls(), [""; 0], "there is nothing left to do");
    world.broker.refuse(&[]);
    world.rotate().await.unwrap();
    assert_eq!(world.broker.pairs(), ["pair-2"]);
    assert_eq!(world.registry.row().current(), Some("pair-2"));
    assert_eq!(world.registry.row().pairs.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_stops_waits_for_the_proof_of_a_new_pair() {
    let world = pending_rotation().await;
    let broker = Arc::clone(&world.broker);
    tokio::spawn(async move {
        sleep(Duration::from_secs(10)).await;
        broker.refuse(&[]);
    });
    let started = Instant::now();
    let rotations = world.rotate_access_key.rotations();
    rotations.end_within(Duration::from_secs(30)).await;
    assert!(started.elapsed() < Duration::from_secs(12));
    assert_eq!(world.broker.pairs(), ["pair-1"]);
    assert_eq!(world.registry.row().lease, "");
    assert_eq!(world.registry.row().key.state, AccessKeyState::Active);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_stops_before_the_proof_leaves_both_pairs() {
    let world = pending_rotation().await;
    let rotations = world.rotate_access_key.rotations();
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
    assert_eq!(world.broker.pairs(), ["old"]);
    assert_eq!(world.registry.row().current(), Some("old"));
    asking.await.unwrap_err();
}
