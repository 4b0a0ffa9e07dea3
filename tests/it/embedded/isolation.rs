//! Alice's credentials open her bucket and nothing else.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use crate::support::{App, spawn_app};

use super::{assert_denied, get, outcome, put};

pub(super) struct World {
    pub(super) app: App,
    pub(super) alice: Client,
    pub(super) mine: String,
    pub(super) bobs: String,
}

impl World {
    /// Alice and Bob have a bucket each, with the object `secret` in it.
    pub(super) async fn prepare() -> Self {
        let app = spawn_app().await;
        let (alice, bob) = (
            app.credentials_of("alice").await,
            app.credentials_of("bob").await,
        );
        for person in [&alice, &bob] {
            put(&person.s3(), &person.bucket, "secret").await.unwrap();
        }
        Self {
            alice: alice.s3(),
            mine: alice.bucket,
            bobs: bob.bucket,
            app,
        }
    }
}

fn only(key: &str) -> Delete {
    let object = ObjectIdentifier::builder().key(key).build().unwrap();
    Delete::builder().objects(object).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn own_objects_can_be_put_got_listed_copied_and_deleted() {
    let world = World::prepare().await;
    let World { alice, mine, .. } = &world;
    put(alice, mine, "a/b c+\u{e4}%25").await.unwrap();
    let listed = alice.list_objects_v2().bucket(mine).send().await.unwrap();
    let keys = listed.contents().iter().filter_map(|object| object.key());
    assert_eq!(keys.collect::<Vec<_>>(), ["a/b c+\u{e4}%25", "secret"]);
    let head = alice.head_object().bucket(mine).key("secret");
    head.send().await.unwrap();
    let copy = alice.copy_object().bucket(mine).key("copy");
    let copy = copy.copy_source(format!("{mine}/secret"));
    copy.send().await.unwrap();
    let delete = alice.delete_object().bucket(mine).key("secret");
    delete.send().await.unwrap();
    assert!(get(alice, mine, "secret").await.is_err());
    let delete = alice.delete_objects().bucket(mine).delete(only("copy"));
    delete.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_of_another_person_is_closed() {
    let world = World::prepare().await;
    let World { alice, bobs, .. } = &world;
    assert_denied("put", &put(alice, bobs, "x").await);
    assert_denied("get", &get(alice, bobs, "secret").await);
    let head = alice.head_object().bucket(bobs).key("secret");
    assert_denied("head", &outcome(head.send().await));
    let list = alice.list_objects_v2().bucket(bobs);
    assert_denied("list", &outcome(list.send().await));
    let list = alice.list_objects().bucket(bobs);
    assert_denied("list v1", &outcome(list.send().await));
    let head = alice.head_bucket().bucket(bobs);
    assert_denied("head bucket", &outcome(head.send().await));
    let delete = alice.delete_object().bucket(bobs).key("secret");
    assert_denied("delete", &outcome(delete.send().await));
    let delete = alice.delete_objects().bucket(bobs).delete(only("secret"));
    assert_denied("batch delete", &outcome(delete.send().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_copied_from_or_to_the_bucket_of_another_person() {
    let world = World::prepare().await;
    let World {
        alice,
        mine,
        bobs,
        app,
    } = &world;
    let (theirs, ours) = (format!("{bobs}/secret"), format!("{mine}/secret"));
    let copy = alice.copy_object().bucket(mine).key("x");
    let copy = copy.copy_source(&theirs).send().await;
    assert_denied("copy from", &outcome(copy));
    let copy = alice.copy_object().bucket(bobs).key("x");
    let copy = copy.copy_source(ours).send().await;
    assert_denied("copy to", &outcome(copy));
    let upload = alice.create_multipart_upload().bucket(bobs).key("x");
    assert_denied("multipart", &outcome(upload.send().await));
    let upload = alice.create_multipart_upload().bucket(mine).key("x");
    let id = upload.send().await.unwrap().upload_id.unwrap();
    let part = alice.upload_part_copy().bucket(mine).key("x").upload_id(id);
    let part = part.part_number(1).copy_source(theirs).send().await;
    assert_denied("multipart copy from", &outcome(part));
    let bob = app.credentials_of("bob").await.s3();
    let listed = bob.list_objects_v2().bucket(bobs).send().await.unwrap();
    assert_eq!(listed.contents().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn dots_in_keys_and_copy_sources_do_not_lead_out_of_the_bucket() {
    let world = World::prepare().await;
    let World {
        alice, mine, bobs, ..
    } = &world;
    let assert_refused = |what: &str, outcome: Result<(), String>| {
        let is_refused = outcome.as_ref().is_err_and(|error| error.starts_with('4'));
        assert!(is_refused, "{what}: {outcome:?}");
    };
    for climb in ["..", "%2e%2e", "%2E%2e", ".", "a/.."] {
        let key = format!("{climb}/{bobs}/secret");
        assert_refused(&format!("get {key}"), get(alice, mine, &key).await);
        assert_refused(&format!("put {key}"), put(alice, mine, &key).await);
        let source = format!("{mine}/{climb}/{bobs}/secret");
        let copy = alice.copy_object().bucket(mine).key("stolen");
        let copy = copy.copy_source(&source).send().await;
        assert_refused(&format!("copy {source}"), outcome(copy));
    }
    let head = alice.head_object().bucket(mine).key("stolen");
    assert!(head.send().await.is_err());
}
