use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn leftovers_of_a_killed_doctor_are_removed() {
    let world = World::new().await;
    let engine = world.app.storage.url();
    let before = buckets(&world).await;
    let mut doctor = program(&world.app, &engine, &["doctor"]).spawn().unwrap();
    until("doctor has a key", async || !world.users().is_empty()).await;
    doctor.kill().await.unwrap();
    assert!(!world.users().is_empty(), "doctor was killed too late");
    let cleaning = program(&world.app, &engine, &["doctor", "--clean"]).status();
    assert!(cleaning.await.unwrap().success());
    assert_eq!(world.users(), "");
    assert_eq!(buckets(&world).await, before);
}

async fn buckets(world: &World) -> Vec<String> {
    let listed = world.app.root().list_buckets().send().await.unwrap();
    let names = listed.buckets().iter().filter_map(|bucket| bucket.name());
    names.map(str::to_owned).collect()
}
