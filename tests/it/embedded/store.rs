//! What S3 clients rely on.

use std::time::UNIX_EPOCH;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use sha2::{Digest, Sha256};

use crate::support::spawn_app;

use super::{outcome, put, refused};

async fn content(s3: &Client, bucket: &str, key: &str) -> Vec<u8> {
    let got = s3.get_object().bucket(bucket).key(key).send().await;
    got.unwrap().body.collect().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_key_of_up_to_1024_bytes_holds_its_object() {
    let app = spawn_app().await;
    let alice = app.credentials_of("alice").await;
    let (s3, bucket) = (alice.s3(), &alice.bucket);
    let long = "k".repeat(1_024);
    let umlauts = "\u{e4}\u{f6}";
    for key in [
        "c", "c/x", "x/", "a b", umlauts, "100%", "a+b", "a//b", "...", &long,
    ] {
        put(&s3, bucket, key).await.unwrap();
        assert_eq!(content(&s3, bucket, key).await, key.as_bytes(), "{key}");
    }
    let listed = s3.list_objects_v2().bucket(bucket).send().await.unwrap();
    assert_eq!(listed.contents().len(), 10);
    let too_long = put(&s3, bucket, &"k".repeat(1_025)).await;
    assert_eq!(too_long, refused("400 KeyTooLongError"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_the_times_of_the_files() {
    let app = spawn_app().await;
    let alice = app.credentials_of("alice").await;
    let (s3, bucket) = (alice.s3(), &alice.bucket);
    for number in 0..50 {
        put(&s3, bucket, &number.to_string()).await.unwrap();
    }
    let listed = s3.list_objects_v2().bucket(bucket).send().await.unwrap();
    assert_eq!(listed.contents().len(), 50);
    let files = app.directory.path().join("storage/objects").join(bucket);
    for object in listed.contents() {
        let file = files.join(hex::encode(Sha256::digest(object.key().unwrap())));
        let modified = file.metadata().unwrap().modified().unwrap();
        let since = modified.duration_since(UNIX_EPOCH).unwrap().as_millis();
        let shown = object.last_modified().unwrap().to_millis().unwrap();
        assert_eq!(u128::try_from(shown).unwrap(), since);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listing_folds_at_the_delimiter_and_continues_page_by_page() {
    let app = spawn_app().await;
    let alice = app.credentials_of("alice").await;
    let (s3, bucket) = (alice.s3(), &alice.bucket);
    for key in ["a/1", "a/2", "b", "c/1", "c/2", "d"] {
        put(&s3, bucket, key).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut token = None;
    loop {
        let page = s3.list_objects_v2().bucket(bucket).delimiter("/");
        let page = page.max_keys(1).set_continuation_token(token);
        let page = page.send().await.unwrap();
        assert_eq!(page.key_count(), Some(1));
        let keys = page.contents().iter().filter_map(|object| object.key());
        let prefixes = page.common_prefixes().iter().filter_map(|p| p.prefix());
        seen.extend(keys.chain(prefixes).map(str::to_owned));
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["a/", "b", "c/", "d"]);
    let below = s3.list_objects_v2().bucket(bucket).prefix("c/");
    assert_eq!(below.send().await.unwrap().contents().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_session_finishes_the_upload_of_an_earlier_one() {
    let app = spawn_app().await;
    let (first, second) = (
        app.credentials_of("alice").await,
        app.credentials_of("alice").await,
    );
    let (bucket, earlier, later) = (&first.bucket, first.s3(), second.s3());
    let begun = earlier.create_multipart_upload().bucket(bucket).key("big");
    let id = begun.send().await.unwrap().upload_id.unwrap();
    let mut parts = CompletedMultipartUpload::builder();
    for (number, session) in [(1, &earlier), (2, &later)] {
        let body = ByteStream::from(vec![b'x'; 5 * 1024 * 1024 + 1]);
        let part = session.upload_part().bucket(bucket).key("big");
        let part = part.upload_id(&id).part_number(number).body(body);
        let etag = part.send().await.unwrap().e_tag;
        let part = CompletedPart::builder().part_number(number);
        parts = parts.parts(part.set_e_tag(etag).build());
    }
    let complete = later.complete_multipart_upload().bucket(bucket).key("big");
    let complete = complete.upload_id(id).multipart_upload(parts.build());
    complete.send().await.unwrap();
    let head = later.head_object().bucket(bucket).key("big");
    let length = head.send().await.unwrap().content_length;
    assert_eq!(length, Some(10 * 1024 * 1024 + 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_belongs_to_its_bucket_and_key() {
    let app = spawn_app().await;
    let (alice, bob) = (
        app.credentials_of("alice").await,
        app.credentials_of("bob").await,
    );
    let begun = alice.s3().create_multipart_upload();
    let begun = begun.bucket(&alice.bucket).key("k").send().await;
    let id = begun.unwrap().upload_id.unwrap();
    for (session, bucket, key) in [(&bob, &bob.bucket, "k"), (&alice, &alice.bucket, "other")] {
        let part = session.s3().upload_part().bucket(bucket).key(key);
        let part = part.upload_id(&id).part_number(1);
        let part = part.body(ByteStream::from_static(b"x")).send().await;
        assert_eq!(outcome(part), refused("404 NoSuchUpload"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_behave_as_on_aws() {
    let app = spawn_app().await;
    let root = app.root();
    let create = || root.create_bucket().bucket("mine").send();
    let delete = || root.delete_bucket().bucket("mine").send();
    create().await.unwrap();
    let again = outcome(create().await);
    assert_eq!(again, refused("409 BucketAlreadyOwnedByYou"));
    put(&root, "mine", "x").await.unwrap();
    assert_eq!(outcome(delete().await), refused("409 BucketNotEmpty"));
    let object = root.delete_object().bucket("mine").key("x");
    object.send().await.unwrap();
    delete().await.unwrap();
    let list = root.list_objects_v2().bucket("mine").send().await;
    assert_eq!(outcome(list), refused("404 NoSuchBucket"));
}
