//! Only the root calls IAM and STS.

use crate::support::spawn_app;

use super::{Key, World, allow, denied, outcome, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_user_calls_neither_iam_nor_sts() {
    let world = World::start().await;
    let key = world.user("acme", &[allow(&["*"], &["*"])]).await;
    let iam = world.iam_with(&key, None);
    assert_eq!(outcome(iam.list_users().send().await), denied());
    let more = iam.create_access_key().user_name("acme").send().await;
    assert_eq!(outcome(more), denied());
    assert_eq!(assume(&world, &key).await, denied());
    assert_eq!(assume(&world, &world.root_key()).await, Ok(()));
}

async fn assume(world: &World, key: &Key) -> Result<(), String> {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::latest())
        .endpoint_url(world.storage.url())
        .region(aws_sdk_sts::config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_sts::config::Credentials::new(
            &key.id,
            &key.secret,
            None,
            None,
            "test",
        ))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let sts = aws_sdk_sts::Client::from_conf(config);
    let role = sts.assume_role().role_arn("arn:aws:iam:::role/any");
    outcome(role.role_session_name("name").send().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_does_not_call_iam() {
    let app = spawn_app().await;
    let alice = app.credentials_of("alice").await;
    let world = World {
        storage: app.storage,
        directory: app.directory,
    };
    let key = Key {
        id: alice.keys.access_key_id,
        secret: alice.keys.secret_access_key,
    };
    let iam = world.iam_with(&key, Some(&alice.keys.session_token));
    assert_eq!(outcome(iam.list_users().send().await), denied());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_a_wrong_key_is_refused() {
    let world = World::start().await;
    let root = world.root_key();
    let list = async |key: &Key, token| {
        let iam = world.iam_with(key, token);
        outcome(iam.list_users().send().await)
    };
    let with_secret = |secret: &str| Key {
        secret: secret.to_owned(),
        ..root.clone()
    };
    let wrong = with_secret(&format!("{}0", root.secret));
    assert_eq!(
        list(&wrong, None).await,
        refused("403 SignatureDoesNotMatch")
    );
    let unknown = Key {
        id: "AKIANOBODY".to_owned(),
        ..root.clone()
    };
    let no_key = refused("403 InvalidClientTokenId");
    assert_eq!(list(&unknown, None).await, no_key);
    assert_eq!(list(&root, Some("token")).await, no_key);
    let inactive = world.user("acme", &[]).await;
    let delete = world.iam().delete_access_key().user_name("acme");
    delete.access_key_id(&inactive.id).send().await.unwrap();
    assert_eq!(list(&inactive, None).await, no_key);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_signature_is_refused() {
    let world = World::start().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = http.post(world.storage.url());
    let sent = sent.form(&[("Action", "ListUsers"), ("Version", "2010-05-08")]);
    let answer = sent.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 403);
    let text = answer.text().await.unwrap();
    assert!(text.contains("MissingAuthenticationToken"), "{text}");
}
