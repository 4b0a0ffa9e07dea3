use super::gate::gate;
use super::*;

/// The requests to the engine that disable a key with a pair: end the pair, list the pairs. Deleting
/// it takes three more: list them again, remove the policy, remove the user.
const ENDINGS: [(&str, usize); 2] = [("disable", 2), ("delete", 5)];

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_ending_is_finished_at_the_next_start() {
    let world = World::new().await;
    for (command, steps) in ENDINGS {
        for step in 0..steps {
            for does_it in [false, true] {
                let what = format!("{command}, step {step}, done: {does_it}");
                let key = world.key().await;
                let (mut calm, url) = start(&world.app, &world.app.storage.url()).await;
                let pair = world.pair(&url, &key).await;
                calm.kill().await.unwrap();
                let (gate, engine) = gate(&world.app, step, does_it);
                let arguments = ["access-key", command, &key];
                let mut child = program(&world.app, &engine, &arguments).spawn().unwrap();
                gate.wait(&what).await;
                child.kill().await.unwrap();
                let (mut child, _) = start(&world.app, &world.app.storage.url()).await;
                // The pair ends without waiting for the lease of the killed process.
                until(&what, async || !world.lists(&pair).await).await;
                child.kill().await.unwrap();
                world.pass_time().await;
                let (mut child, _) = start(&world.app, &world.app.storage.url()).await;
                until(&what, async || is_finished(&world, command, &key).await).await;
                child.kill().await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_has_no_step_beyond_the_interrupted_ones() {
    let world = World::new().await;
    for (command, steps) in ENDINGS {
        let key = world.key().await;
        let (mut calm, url) = start(&world.app, &world.app.storage.url()).await;
        world.pair(&url, &key).await;
        calm.kill().await.unwrap();
        let (_gate, engine) = gate(&world.app, steps, false);
        let arguments = ["access-key", command, &key];
        let ended = program(&world.app, &engine, &arguments).status();
        let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
        assert!(ended.unwrap().unwrap().success(), "{command}");
    }
}

async fn is_finished(world: &World, command: &str, key: &str) -> bool {
    let statement = match command {
        "disable" => "SELECT count(*) FROM access_keys WHERE id = $1 AND cleaned_at <> ''",
        _ => "SELECT 1 - count(*) FROM access_keys WHERE id = $1",
    };
    let done: i64 = sqlx::query_scalar(statement)
        .bind(key)
        .fetch_one(&world.database)
        .await
        .unwrap();
    let (there, recorded) = world.pairs().await;
    let is_there = command == "delete" && world.users().contains(key);
    done == 1 && there.is_empty() && recorded.is_empty() && !is_there
}
