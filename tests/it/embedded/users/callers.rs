//! Only the root may call IAM and STS.

use crate::support::spawn_app;

use super::{AccessKey, World, allow, denied, outcome, refused, sts};

#[tokio::test(flavor = "multi_thread")]
async fn user_cannot_call_iam_or_sts() {
    let world = World::start().await;
    let key = world.user("acme", &[allow(&["*"], &["*"])]).await;
    let iam = world.iam_with(&key, None);
    assert_eq!(outcome(iam.list_users().send().await), denied());
    let more = iam.create_access_key().user_name("acme").send().await;
    assert_eq!(outcome(more), denied());
    assert_eq!(assume(&world, &key).await, denied());
    assert_eq!(assume(&world, &world.root_key()).await, Ok(()));
}

async fn assume(world: &World, key: &AccessKey) -> Result<(), String> {
    let sts = sts(&world.storage.url(), &key.id, &key.secret, None);
    let role = sts.assume_role().role_arn("arn:aws:iam:::role/any");
    outcome(role.role_session_name("name").send().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn session_cannot_call_iam() {
    let app = spawn_app().await;
    let alice = app.credentials_of("alice").await;
    let world = World {
        storage: app.storage,
        directory: app.directory,
    };
    let key = AccessKey {
        id: alice.keys.access_key_id,
        secret: alice.keys.secret_access_key,
    };
    let iam = world.iam_with(&key, Some(&alice.keys.session_token));
    assert_eq!(outcome(iam.list_users().send().await), denied());
}

#[tokio::test(flavor = "multi_thread")]
async fn call_with_a_wrong_access_key_is_refused() {
    let world = World::start().await;
    let root = world.root_key();
    let list = async |key: &AccessKey, token| {
        let iam = world.iam_with(key, token);
        outcome(iam.list_users().send().await)
    };
    let with_secret = |secret: &str| AccessKey {
        secret: secret.to_owned(),
        ..root.clone()
    };
    let wrong = with_secret(&format!("{}0", root.secret));
    assert_eq!(
        list(&wrong, None).await,
        refused("403 SignatureDoesNotMatch")
    );
    let unknown = AccessKey {
        id: "AKIAUNKNOWN".to_owned(),
        ..root.clone()
    };
    let no_key = refused("403 InvalidClientTokenId");
    assert_eq!(list(&unknown, None).await, no_key);
    assert_eq!(list(&root, Some("token")).await, no_key);
    let inactive = world.user("acme", &[]).await;
    world.delete_access_key("acme", &inactive.id).await;
    assert_eq!(list(&inactive, None).await, no_key);
}

#[tokio::test(flavor = "multi_thread")]
async fn unsigned_call_is_refused() {
    let world = World::start().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = http.post(world.storage.url());
    let sent = sent.form(&[("Action", "ListUsers"), ("Version", "2010-05-08")]);
    let answer = sent.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 403);
    let text = answer.text().await.unwrap();
    assert!(text.contains("MissingAuthenticationToken"), "{text}");
}
