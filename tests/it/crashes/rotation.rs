use super::gate::gate;
use super::*;

/// What a rotation of a key that has a pair asks of the engine: list the pairs, make the user, put
/// the policy, make the pair, end the old one, list the pairs, try the new one.
const STEPS: usize = 7;

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_was_broken_off_at_any_step_is_repaired_at_the_next_start() {
    let world = World::new().await;
    let key = world.key().await;
    for step in 0..STEPS {
        for does_it in [false, true] {
            let what = format!("step {step}, done: {does_it}");
            let before = break_off(&world, &key, step, does_it).await;
            world.pass_time().await;
            let (mut child, url) = start(&world.app, &world.app.storage.url()).await;
            until(&what, async || is_settled(&world).await).await;
            let after = world.pair(&url, &key).await;
            assert!(world.lists(&after).await, "{what}");
            assert!(!world.lists(&before).await, "{what}");
            child.kill().await.unwrap();
        }
    }
}

/// A first look that fails does not make the second forget.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_was_broken_off_is_repaired_when_the_engine_is_back() {
    let world = World::new().await;
    let key = world.key().await;
    // When a pair was made that is not on record, and one that is and was not tried.
    for step in [3, 6] {
        let what = format!("step {step}");
        break_off(&world, &key, step, true).await;
        let broken_off = world.lease(&key).await;
        world.pass_time().await;
        let (mut child, _) = start(&world.app, "http://127.0.0.1:1").await;
        until(&what, async || world.lease(&key).await != broken_off).await;
        // The engine is not there: soon the look has failed.
        tokio::time::sleep(Duration::from_secs(1)).await;
        child.kill().await.unwrap();
        world.pass_time().await;
        let (mut child, _) = start(&world.app, &world.app.storage.url()).await;
        until(&what, async || is_settled(&world).await).await;
        child.kill().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_asks_no_more_of_the_engine_than_was_broken_off_here() {
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

/// Rotates a key that has a pair, up to this step; and says which pair that was.
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

/// Registry and engine have the same pairs, and the current one is known to work.
async fn is_settled(world: &World) -> bool {
    let (lease, state): (String, String) =
        sqlx::query_as("SELECT rotation, state FROM access_keys")
            .fetch_one(&world.database)
            .await
            .unwrap();
    let (there, recorded) = world.pairs().await;
    lease.is_empty() && there == recorded && there.len() == 1 && state == "active"
}
