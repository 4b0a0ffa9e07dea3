//! Alice's credentials reach alice's bucket and nothing else.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use crate::support::{App, spawn_app};

pub(super) struct World {
    pub(super) app: App,
    pub(super) alice: Client,
    pub(super) mine: String,
    pub(super) bobs: String,
}

/// Both have a bucket with the object `secret` in it.
pub(super) async fn prepare() -> World {
    let app = spawn_app().await;
    let (alice, bob) = (
        app.credentials_of("alice").await,
        app.credentials_of("bob").await,
    );
    for person in [&alice, &bob] {
        put(&person.s3(), &person.bucket, "secret").await.unwrap();
    }
    World {
        alice: alice.s3(),
        mine: alice.bucket,
        bobs: bob.bucket,
        app,
    }
}

async fn put(s3: &Client, bucket: &str, key: &str) -> Result<(), String> {
    let body = ByteStream::from_static(b"content");
    outcome(
        s3.put_object()
            .bucket(bucket)
            .key(key)
            .body(body)
            .send()
            .await,
    )
}

/// The error code, for whatever was refused.
pub(super) fn outcome<T, E: ProvideErrorMetadata + std::fmt::Debug>(
    sent: Result<T, SdkError<E, HttpResponse>>,
) -> Result<(), String> {
    match sent {
        Ok(_) => Ok(()),
        Err(error) => {
            let Some(answer) = error.raw_response() else {
                panic!("no answer: {error:?}")
            };
            let status = answer.status().as_u16();
            let code = error
                .as_service_error()
                .and_then(|e| e.code())
                .unwrap_or_default()
                .to_owned();
            Err(format!("{status} {code}"))
        }
    }
}

pub(super) fn denied(what: &str, outcome: &Result<(), String>) {
    let refused = outcome
        .as_ref()
        .is_err_and(|error| error.starts_with("403"));
    assert!(refused, "{what}: {outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_objects_can_be_put_got_listed_and_deleted() {
    let world = prepare().await;
    let World { alice, mine, .. } = &world;
    put(alice, mine, "a/b c+\u{e4}%25").await.unwrap();
    let listed = alice.list_objects_v2().bucket(mine).send().await.unwrap();
    let keys: Vec<&str> = listed
        .contents()
        .iter()
        .filter_map(|object| object.key())
        .collect();
    assert_eq!(keys, ["a/b c+\u{e4}%25", "secret"]);
    alice
        .head_object()
        .bucket(mine)
        .key("secret")
        .send()
        .await
        .unwrap();
    let source = format!("{mine}/secret");
    alice
        .copy_object()
        .bucket(mine)
        .key("copy")
        .copy_source(source)
        .send()
        .await
        .unwrap();
    alice
        .delete_object()
        .bucket(mine)
        .key("secret")
        .send()
        .await
        .unwrap();
    assert!(
        alice
            .get_object()
            .bucket(mine)
            .key("secret")
            .send()
            .await
            .is_err()
    );
    let copy = ObjectIdentifier::builder().key("copy").build().unwrap();
    let delete = Delete::builder().objects(copy).build().unwrap();
    alice
        .delete_objects()
        .bucket(mine)
        .delete(delete)
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_persons_bucket_is_closed() {
    let world = prepare().await;
    let World { alice, bobs, .. } = &world;
    denied("put", &put(alice, bobs, "x").await);
    denied(
        "get",
        &outcome(alice.get_object().bucket(bobs).key("secret").send().await),
    );
    denied(
        "head",
        &outcome(alice.head_object().bucket(bobs).key("secret").send().await),
    );
    denied(
        "list",
        &outcome(alice.list_objects_v2().bucket(bobs).send().await),
    );
    denied(
        "list v1",
        &outcome(alice.list_objects().bucket(bobs).send().await),
    );
    denied(
        "head bucket",
        &outcome(alice.head_bucket().bucket(bobs).send().await),
    );
    denied(
        "delete",
        &outcome(
            alice
                .delete_object()
                .bucket(bobs)
                .key("secret")
                .send()
                .await,
        ),
    );
    let secret = ObjectIdentifier::builder().key("secret").build().unwrap();
    let delete = Delete::builder().objects(secret).build().unwrap();
    denied(
        "batch delete",
        &outcome(
            alice
                .delete_objects()
                .bucket(bobs)
                .delete(delete)
                .send()
                .await,
        ),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_copied_from_or_to_another_persons_bucket() {
    let world = prepare().await;
    let World {
        alice,
        mine,
        bobs,
        app,
    } = &world;
    let (theirs, ours) = (format!("{bobs}/secret"), format!("{mine}/secret"));
    denied(
        "copy from",
        &outcome(
            alice
                .copy_object()
                .bucket(mine)
                .key("x")
                .copy_source(&theirs)
                .send()
                .await,
        ),
    );
    denied(
        "copy to",
        &outcome(
            alice
                .copy_object()
                .bucket(bobs)
                .key("x")
                .copy_source(ours)
                .send()
                .await,
        ),
    );
    denied(
        "multipart",
        &outcome(
            alice
                .create_multipart_upload()
                .bucket(bobs)
                .key("x")
                .send()
                .await,
        ),
    );
    let upload = alice
        .create_multipart_upload()
        .bucket(mine)
        .key("x")
        .send()
        .await
        .unwrap();
    let part = alice
        .upload_part_copy()
        .bucket(mine)
        .key("x")
        .part_number(1);
    let part = part
        .upload_id(upload.upload_id().unwrap())
        .copy_source(theirs);
    denied("multipart copy from", &outcome(part.send().await));
    let bob = app.credentials_of("bob").await.s3();
    assert_eq!(
        bob.list_objects_v2()
            .bucket(bobs)
            .send()
            .await
            .unwrap()
            .contents()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dots_in_keys_and_copy_sources_lead_nowhere() {
    let world = prepare().await;
    let World {
        alice, mine, bobs, ..
    } = &world;
    for climb in ["..", "%2e%2e", "%2E%2e", ".", "a/.."] {
        let key = format!("{climb}/{bobs}/secret");
        let got = outcome(alice.get_object().bucket(mine).key(&key).send().await);
        assert!(
            got.as_ref().is_err_and(|error| error.starts_with('4')),
            "get {key}: {got:?}"
        );
        let put = put(alice, mine, &key).await;
        assert!(
            put.as_ref().is_err_and(|error| error.starts_with('4')),
            "put {key}: {put:?}"
        );
        let source = format!("{mine}/{climb}/{bobs}/secret");
        let copied = alice
            .copy_object()
            .bucket(mine)
            .key("stolen")
            .copy_source(&source)
            .send()
            .await;
        let copied = outcome(copied);
        assert!(
            copied.as_ref().is_err_and(|error| error.starts_with('4')),
            "copy {source}: {copied:?}"
        );
    }
    assert!(
        alice
            .head_object()
            .bucket(mine)
            .key("stolen")
            .send()
            .await
            .is_err()
    );
}
