//! What is left after a restart.

use cloakroom::embedded::storage::Storage;

use super::{World, allow, buckets, get, outcome, refused};

#[tokio::test(flavor = "multi_thread")]
async fn users_policies_and_access_keys_survive_a_restart() {
    let world = World::start().await;
    world.fill(&["mine"], &["k"]).await;
    let policy = allow(&["s3:GetObject"], &["mine/*"]);
    let key = world.user("acme", &[policy]).await;
    let world = world.restart().await;
    let user = world.s3(&key);
    assert_eq!(get(&user, "mine", "k").await, Ok(()));
    let more = world.access_key("acme").await;
    assert_eq!(get(&world.s3(&more), "mine", "k").await, Ok(()));
    for key in [&key, &more] {
        world.delete_access_key("acme", &key.id).await;
    }
    let world = world.restart().await;
    let deleted = get(&world.s3(&key), "mine", "k").await;
    assert_eq!(deleted, refused("403 InvalidAccessKeyId"));
    let found = world.iam().get_user().user_name("acme").send().await;
    assert_eq!(outcome(found), Ok(()));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn users_are_in_a_private_file_that_is_not_an_object() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::start().await;
    let key = world.user("acme", &[]).await;
    let file = world.directory.path().join("storage").join("iam.json");
    let content = std::fs::read_to_string(&file).unwrap();
    assert!(content.contains(&key.secret));
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let root = world.root();
    assert!(buckets(&root).await.unwrap().is_empty());
    world.fill(&["mine"], &[]).await;
    for (bucket, key) in [
        ("iam.json", "x"),
        ("mine", "iam.json"),
        ("mine", "../iam.json"),
    ] {
        assert!(get(&root, bucket, key).await.is_err(), "{bucket}/{key}");
    }
    let url = format!("{}/iam.json", world.storage.url());
    assert_eq!(reqwest::get(url).await.unwrap().status().as_u16(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn store_does_not_start_with_an_unreadable_file_of_users() {
    let world = World::start().await;
    world.user("acme", &[allow(&["s3:*"], &["mine"])]).await;
    let path = world.directory.path().join("storage");
    let file = path.join("iam.json");
    drop(world.storage);
    let written = std::fs::read_to_string(&file).unwrap();
    for broken in [
        written.get(..written.len() / 2).unwrap().to_owned(),
        written.replace("Allow", "Maybe"),
        String::new(),
    ] {
        std::fs::write(&file, broken).unwrap();
        let error = Storage::start(0, path.clone()).await.unwrap_err();
        assert!(error.to_string().contains("iam.json"), "{error}");
    }
}
