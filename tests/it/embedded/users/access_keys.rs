//! Which access keys sign.

use aws_sdk_iam::types::StatusType;

use crate::support::s3;

use super::{AccessKey, World, allow, buckets, get, put, refused};

const ALL: [&str; 2] = ["mine", "mine/*"];

#[tokio::test(flavor = "multi_thread")]
async fn access_key_signs_while_it_is_active() {
    let world = World::start().await;
    world.fill(&["mine"], &["k"]).await;
    let key = world.user("acme", &[allow(&["s3:*"], &ALL)]).await;
    let user = world.s3(&key);
    let set = async |status: StatusType| {
        let update = world.iam().update_access_key().user_name("acme");
        let update = update.access_key_id(&key.id).status(status);
        update.send().await.unwrap();
    };
    let unknown = refused("403 InvalidAccessKeyId");
    assert_eq!(get(&user, "mine", "k").await, Ok(()));
    set(StatusType::Inactive).await;
    assert_eq!(get(&user, "mine", "k").await, unknown);
    set(StatusType::Active).await;
    assert_eq!(get(&user, "mine", "k").await, Ok(()));
    world.delete_access_key("acme", &key.id).await;
    assert_eq!(get(&user, "mine", "k").await, unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_secret_is_refused() {
    let world = World::start().await;
    world.fill(&["mine"], &["k"]).await;
    let policy = allow(&["s3:*"], &ALL);
    let acme = world.user("acme", std::slice::from_ref(&policy)).await;
    let beta = world.user("beta", &[policy]).await;
    let mismatch = refused("403 SignatureDoesNotMatch");
    for secret in [&beta.secret, &acme.secret.to_lowercase(), "x"] {
        let wrong = AccessKey {
            id: acme.id.clone(),
            secret: secret.to_owned(),
        };
        assert_eq!(get(&world.s3(&wrong), "mine", "k").await, mismatch);
        assert_eq!(put(&world.s3(&wrong), "mine", "x").await, mismatch);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn access_key_of_a_user_with_a_session_token_is_refused() {
    let world = World::start().await;
    world.fill(&["mine"], &["k"]).await;
    let key = world.user("acme", &[allow(&["s3:*"], &ALL)]).await;
    let user = s3(&world.storage.url(), &key.id, &key.secret, Some("token"));
    let answer = user.get_object().bucket("mine").key("k").send().await;
    assert!(answer.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn both_access_keys_of_a_user_have_the_same_rights() {
    let world = World::start().await;
    world.fill(&["mine"], &["k"]).await;
    let everything = ["s3:*", "s3:ListAllMyBuckets"];
    let first = world.user("acme", &[allow(&everything, &["*"])]).await;
    let second = world.access_key("acme").await;
    for key in [first, second] {
        let user = world.s3(&key);
        assert_eq!(get(&user, "mine", "k").await, Ok(()));
        assert_eq!(buckets(&user).await.unwrap(), ["mine"]);
    }
}
