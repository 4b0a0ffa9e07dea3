//! What S3 clients count on.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use crate::support::spawn_app;

async fn put(s3: &Client, bucket: &str, key: &str) {
    let body = ByteStream::from(key.as_bytes().to_vec());
    s3.put_object()
        .bucket(bucket)
        .key(key)
        .body(body)
        .send()
        .await
        .unwrap();
}

async fn get(s3: &Client, bucket: &str, key: &str) -> Vec<u8> {
    let got = s3
        .get_object()
        .bucket(bucket)
        .key(key)
        .send()
        .await
        .unwrap();
    got.body.collect().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_key_of_up_to_1024_bytes_holds_its_object() {
    let app = spawn_app().await;
    let alice = app.credentials_of("alice").await;
    let s3 = alice.s3();
    let long = "k".repeat(1_024);
    for key in [
        "c",
        "c/x",
        "x/",
        "a b",
        "\u{e4}\u{f6}",
        "100%",
        "a+b",
        "a//b",
        "...",
        &long,
    ] {
        put(&s3, &alice.bucket, key).await;
        assert_eq!(get(&s3, &alice.bucket, key).await, key.as_bytes(), "{key}");
    }
    let listed = s3
        .list_objects_v2()
        .bucket(&alice.bucket)
        .send()
        .await
        .unwrap();
    assert_eq!(listed.contents().len(), 10);
    let too_long = s3.put_object().bucket(&alice.bucket).key("k".repeat(1_025));
    assert_eq!(
        too_long.send().await.unwrap_err().code(),
        Some("KeyTooLongError")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_fold_at_the_delimiter_and_go_on_page_by_page() {
    let app = spawn_app().await;
    let alice = app.credentials_of("alice").await;
    let s3 = alice.s3();
    for key in ["a/1", "a/2", "b", "c/1", "c/2", "d"] {
        put(&s3, &alice.bucket, key).await;
    }
    let mut seen = Vec::new();
    let mut token = None;
    loop {
        let page = s3
            .list_objects_v2()
            .bucket(&alice.bucket)
            .delimiter("/")
            .max_keys(1);
        let page = page.set_continuation_token(token).send().await.unwrap();
        assert_eq!(page.key_count(), Some(1));
        seen.extend(
            page.contents()
                .iter()
                .filter_map(|o| o.key())
                .map(str::to_owned),
        );
        seen.extend(
            page.common_prefixes()
                .iter()
                .filter_map(|p| p.prefix())
                .map(str::to_owned),
        );
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["a/", "b", "c/", "d"]);
    let below = s3
        .list_objects_v2()
        .bucket(&alice.bucket)
        .prefix("c/")
        .send()
        .await
        .unwrap();
    assert_eq!(below.contents().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refreshed_session_finishes_the_upload_of_the_one_before() {
    let app = spawn_app().await;
    let (first, second) = (
        app.credentials_of("alice").await,
        app.credentials_of("alice").await,
    );
    let bucket = &first.bucket;
    let begun = first
        .s3()
        .create_multipart_upload()
        .bucket(bucket)
        .key("big")
        .send()
        .await
        .unwrap();
    let id = begun.upload_id().unwrap();
    let mut parts = Vec::new();
    for (number, session) in [(1, first.s3()), (2, second.s3())] {
        let body = ByteStream::from(vec![b'x'; 5 * 1024 * 1024 + 1]);
        let part = session
            .upload_part()
            .bucket(bucket)
            .key("big")
            .upload_id(id)
            .part_number(number);
        let part = part.body(body).send().await.unwrap();
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(part.e_tag)
                .build(),
        );
    }
    let parts = CompletedMultipartUpload::builder()
        .set_parts(Some(parts))
        .build();
    let complete = second
        .s3()
        .complete_multipart_upload()
        .bucket(bucket)
        .key("big")
        .upload_id(id);
    complete.multipart_upload(parts).send().await.unwrap();
    let head = second
        .s3()
        .head_object()
        .bucket(bucket)
        .key("big")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_length(), Some(10 * 1024 * 1024 + 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_belongs_to_its_bucket_and_key() {
    let app = spawn_app().await;
    let (alice, bob) = (
        app.credentials_of("alice").await,
        app.credentials_of("bob").await,
    );
    let begun = alice
        .s3()
        .create_multipart_upload()
        .bucket(&alice.bucket)
        .key("k")
        .send()
        .await
        .unwrap();
    let id = begun.upload_id().unwrap();
    for (session, bucket, key) in [(&bob, &bob.bucket, "k"), (&alice, &alice.bucket, "other")] {
        let body = ByteStream::from_static(b"x");
        let part = session
            .s3()
            .upload_part()
            .bucket(bucket)
            .key(key)
            .upload_id(id)
            .part_number(1);
        assert_eq!(
            part.body(body).send().await.unwrap_err().code(),
            Some("NoSuchUpload")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_behave_as_on_aws() {
    let app = spawn_app().await;
    let root = app.root();
    root.create_bucket().bucket("mine").send().await.unwrap();
    let again = root
        .create_bucket()
        .bucket("mine")
        .send()
        .await
        .unwrap_err();
    assert_eq!(again.code(), Some("BucketAlreadyOwnedByYou"));
    put(&root, "mine", "x").await;
    let full = root
        .delete_bucket()
        .bucket("mine")
        .send()
        .await
        .unwrap_err();
    assert_eq!(full.code(), Some("BucketNotEmpty"));
    root.delete_object()
        .bucket("mine")
        .key("x")
        .send()
        .await
        .unwrap();
    root.delete_bucket().bucket("mine").send().await.unwrap();
    let gone = root
        .list_objects_v2()
        .bucket("mine")
        .send()
        .await
        .unwrap_err();
    assert_eq!(gone.code(), Some("NoSuchBucket"));
}
