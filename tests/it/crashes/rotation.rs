use super::gate::gate;
use super::*;

/// The requests to the engine for rotating a key that has a pair: list the pairs, make the user, put
/// the policy, make the pair, try the new one, end the old one, list the pairs.
const STEPS: usize = 7;

/// Up to this step the old pair is the current one. At this step the new one may have been handed
/// out: it lives beside the old one until the next rotation.
const TRY: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_rotation_is_repaired_at_the_next_start() {
    let world = World::new().await;
    let key = world.key().await;
    for step in 0..STEPS {
        for does_it in [false, true] {
            let what = format!("step {step}, done: {does_it}");
            let before = break_off(&world, &key, step, does_it).await;
            world.pass_time().await;
            let (mut child, url) = start(&world.app, &world.app.storage.url()).await;
            until(&what, async || is_settled(&world, step).await).await;
            assert_eq!(world.lists(&before).await, step <= TRY, "{what}");
            let after = world.pair(&url, &key).await;
            assert!(world.lists(&after).await, "{what}");
            assert!(!world.lists(&before).await, "{what}");
            assert_eq!(world.pairs().await.0, [after.0], "{what}");
            child.kill().await.unwrap();
        }
    }
}

/// The repair is tried again if the first attempt fails.
#[tokio::test(flavor = "multi_thread")]
async fn interrupted_rotation_is_repaired_when_the_engine_is_back() {
    let world = World::new().await;
    let key = world.key().await;
    // With a pair that is not in the registry, and with one that is but was not tried.
    for step in [3, TRY] {
        let what = format!("step {step}");
        break_off(&world, &key, step, true).await;
        world.pass_time().await;
        let (mut child, _) = start(&world.app, "http://127.0.0.1:1").await;
        // The attempt has failed, and the key is not locked.
        until(&what, async || world.lease(&key).await.is_empty()).await;
        assert_eq!(world.pairs().await.0.len(), 2, "{what}");
        child.kill().await.unwrap();
        let (mut child, _) = start(&world.app, &world.app.storage.url()).await;
        until(&what, async || is_settled(&world, step).await).await;
        child.kill().await.unwrap();
    }
}

/// `pass_time` is not called: a lease that is no longer renewed ends by itself.
#[tokio::test(flavor = "multi_thread")]
async fn killed_rotation_releases_the_key_within_30_seconds() {
    let world = World::new().await;
    let key = world.key().await;
    break_off(&world, &key, 3, true).await;
    let (mut child, url) = start(&world.app, &world.app.storage.url()).await;
    let started = std::time::Instant::now();
    loop {
        let answer = world.app.send(world.rotate(&url, &key)).await;
        if answer.status == 200 {
            break;
        }
        assert!([422, 429].contains(&answer.status), "{answer:?}");
        assert!(started.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn old_pair_works_until_the_new_one_is_proven() {
    let world = World::new().await;
    let key = world.key().await;
    let (mut calm, url) = start(&world.app, &world.app.storage.url()).await;
    let before = world.pair(&url, &key).await;
    calm.kill().await.unwrap();
    let (_gate, engine) = gate(&world.app, TRY, false);
    let (mut child, url) = start(&world.app, &engine).await;
    let answer = world.app.send(world.rotate(&url, &key)).await;
    let (state, after) = state_and_pair(&answer);
    assert_eq!(state, "pending");
    assert!(world.lists(&before).await);
    assert!(world.lists(&after).await);
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_has_no_step_beyond_the_interrupted_ones() {
    let world = World::new().await;
    let key = world.key().await;
    let (mut calm, url) = start(&world.app, &world.app.storage.url()).await;
    world.pair(&url, &key).await;
    calm.kill().await.unwrap();
    let (_gate, engine) = gate(&world.app, STEPS, false);
    let (mut child, url) = start(&world.app, &engine).await;
    world.pair(&url, &key).await;
    child.kill().await.unwrap();
}

/// Rotates a key that has a pair, up to this step. Returns the old pair.
async fn break_off(world: &World, key: &str, step: usize, does_it: bool) -> (String, String) {
    let (mut calm, url) = start(&world.app, &world.app.storage.url()).await;
    let before = world.pair(&url, key).await;
    calm.kill().await.unwrap();
    let (gate, engine) = gate(&world.app, step, does_it);
    let (mut child, url) = start(&world.app, &engine).await;
    let asking = tokio::spawn(world.rotate(&url, key).send());
    gate.wait(&format!("step {step}, done: {does_it}")).await;
    child.kill().await.unwrap();
    asking.abort();
    before
}

/// Whether registry and engine have the same pair, and the state fits the interrupted step.
async fn is_settled(world: &World, step: usize) -> bool {
    let (lease, unclean, state): (String, String, String) =
        sqlx::query_as("SELECT rotation, unclean, state FROM access_keys")
            .fetch_one(&world.database)
            .await
            .unwrap();
    let (there, recorded) = world.pairs().await;
    let expected = if step == TRY {
        (2, "pending")
    } else {
        (1, "active")
    };
    lease.is_empty()
        && unclean.is_empty()
        && there == recorded
        && (there.len(), state.as_str()) == expected
}
