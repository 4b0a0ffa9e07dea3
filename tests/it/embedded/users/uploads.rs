//! Multipart uploads belong to the user who began them.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use super::{World, allow, get, outcome, refused};

async fn begin(s3: &Client) -> String {
    let begun = s3.create_multipart_upload().bucket("shared").key("k");
    begun.send().await.unwrap().upload_id.unwrap()
}

async fn upload(s3: &Client, id: &str) -> Result<String, String> {
    let part = s3.upload_part().bucket("shared").key("k").upload_id(id);
    let body = ByteStream::from_static(b"content");
    let part = part.part_number(1).body(body).send().await;
    super::answer(part).map(|part| part.e_tag.unwrap())
}

async fn complete(s3: &Client, id: &str, etag: &str) -> Result<(), String> {
    let part = CompletedPart::builder().part_number(1).e_tag(etag).build();
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    let complete = s3.complete_multipart_upload().bucket("shared").key("k");
    outcome(complete.upload_id(id).multipart_upload(parts).send().await)
}

async fn parts(s3: &Client, id: &str) -> Result<(), String> {
    let parts = s3.list_parts().bucket("shared").key("k").upload_id(id);
    outcome(parts.send().await)
}

async fn abort(s3: &Client, id: &str) -> Result<(), String> {
    let abort = s3.abort_multipart_upload().bucket("shared").key("k");
    outcome(abort.upload_id(id).send().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_of_another_user_cannot_be_continued_in_a_shared_bucket() {
    let world = World::start().await;
    world.fill(&["shared"], &[]).await;
    let policy = [allow(&["s3:*"], &["shared", "shared/*"])];
    let acme = world.s3(&world.user("acme", &policy).await);
    let beta = world.s3(&world.user("beta", &policy).await);
    let id = begin(&acme).await;
    let etag = upload(&acme, &id).await.unwrap();
    let none = refused("404 NoSuchUpload");
    assert_eq!(upload(&beta, &id).await.map(drop), none);
    assert_eq!(complete(&beta, &id, &etag).await, none);
    assert_eq!(parts(&beta, &id).await, none);
    assert_eq!(abort(&beta, &id).await, none);
    let copy = beta.upload_part_copy().bucket("shared").key("k");
    let copy = copy.upload_id(&id).part_number(1).copy_source("shared/k");
    assert_eq!(outcome(copy.send().await), none);
    assert_eq!(parts(&acme, &id).await, Ok(()));
    assert_eq!(complete(&acme, &id, &etag).await, Ok(()));
    assert_eq!(get(&beta, "shared", "k").await, Ok(()));
    let id = begin(&acme).await;
    assert_eq!(abort(&world.root(), &id).await, Ok(()), "the root may");
}

#[tokio::test(flavor = "multi_thread")]
async fn rotated_access_key_finishes_the_upload_of_the_old_one() {
    let world = World::start().await;
    world.fill(&["shared"], &[]).await;
    let policy = allow(&["s3:PutObject"], &["shared/*"]);
    let old = world.user("acme", &[policy]).await;
    let id = begin(&world.s3(&old)).await;
    let etag = upload(&world.s3(&old), &id).await.unwrap();
    let new = world.access_key("acme").await;
    world.delete_access_key("acme", &old.id).await;
    let world = world.restart().await;
    assert_eq!(complete(&world.s3(&new), &id, &etag).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn later_user_of_the_same_name_cannot_continue_the_upload() {
    let world = World::start().await;
    world.fill(&["shared"], &[]).await;
    let policy = [allow(&["s3:*"], &["shared/*"])];
    let first = world.user("acme", &policy).await;
    let id = begin(&world.s3(&first)).await;
    let iam = world.iam();
    world.delete_access_key("acme", &first.id).await;
    let delete = iam.delete_user_policy().user_name("acme");
    delete.policy_name("p0").send().await.unwrap();
    iam.delete_user().user_name("acme").send().await.unwrap();
    let second = world.user("acme", &policy).await;
    let continued = upload(&world.s3(&second), &id).await.map(drop);
    assert_eq!(continued, refused("404 NoSuchUpload"));
}
