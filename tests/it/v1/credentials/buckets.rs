use std::collections::HashSet;

use crate::support::{ALICES_BUCKET, PRODUCTION, Setup, spawn_app};

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_first_calls_of_one_person_make_one_bucket_and_all_succeed() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    let answers = futures_util::future::join_all((0..40).map(|_| app.ask(&token))).await;
    let buckets: HashSet<String> = answers
        .iter()
        .map(|answer| answer.credentials().bucket)
        .collect();
    assert_eq!(buckets.len(), 1);
    let listed = app.root().list_buckets().send().await.unwrap();
    assert_eq!(listed.buckets().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn preexisting_bucket_is_409() {
    let app = spawn_app().await;
    app.root()
        .create_bucket()
        .bucket(ALICES_BUCKET)
        .send()
        .await
        .unwrap();
    let token = app.token("alice").await;
    app.ask(&token).await.assert_problem(409, "bucket-conflict");
    app.ask(&token).await.assert_problem(409, "bucket-conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn preexisting_bucket_can_be_adopted() {
    let app = Setup::default().key("naming.adopt", "true").spawn().await;
    app.root()
        .create_bucket()
        .bucket(ALICES_BUCKET)
        .send()
        .await
        .unwrap();
    assert_eq!(app.credentials_of("alice").await.bucket, ALICES_BUCKET);
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_reserved_by_another_owner_is_409() {
    let app = spawn_app().await;
    let database = app.database().await;
    sqlx::query("INSERT INTO owned_buckets VALUES ('principal', 'somebody else', ?, 'ready', '')")
        .bind(ALICES_BUCKET)
        .execute(&database)
        .await
        .unwrap();
    app.ask(&app.token("alice").await)
        .await
        .assert_problem(409, "bucket-conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_of_another_deployment_is_409_even_if_it_was_ours() {
    let app = Setup::default()
        .key("storage.bucket_recheck", "1ms")
        .spawn()
        .await;
    let token = app.token("alice").await;
    app.ask(&token).await.credentials();
    app.tag_bucket(ALICES_BUCKET, PRODUCTION).await;
    app.ask(&token).await.assert_problem(409, "bucket-conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn adoption_leaves_buckets_of_other_deployments_alone() {
    let app = Setup::default().key("naming.adopt", "true").spawn().await;
    app.bucket_of_production(ALICES_BUCKET).await;
    let token = app.token("alice").await;
    app.ask(&token).await.assert_problem(409, "bucket-conflict");
    let tag = app.tag_of_bucket(ALICES_BUCKET).await;
    assert_eq!(tag.as_deref(), Some(PRODUCTION));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_adopted_from_the_deployment_that_is_named() {
    let app = Setup::default()
        .key("naming.adopt_from", PRODUCTION)
        .spawn()
        .await;
    app.bucket_of_production(ALICES_BUCKET).await;
    assert_eq!(app.credentials_of("alice").await.bucket, ALICES_BUCKET);
    let tag = app.tag_of_bucket(ALICES_BUCKET).await.unwrap();
    assert!(tag.len() == 32 && tag != PRODUCTION, "{tag}");
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_formula_change_gives_every_owner_a_new_bucket() {
    let app = spawn_app().await;
    let before = app.credentials_of("alice").await.bucket;
    let renamed = Setup::default().key("naming.prefix", "new-");
    let app = renamed.spawn_in(app.stop().await).await;
    let after = app.credentials_of("alice").await.bucket;
    assert!(after.starts_with("new-"));
    let app = Setup::default().spawn_in(app.stop().await).await;
    assert_eq!(app.credentials_of("alice").await.bucket, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_contents_survive_a_restart() {
    let app = spawn_app().await;
    let alice = app.credentials_of("alice").await;
    let body = aws_sdk_s3::primitives::ByteStream::from_static(b"kept");
    alice
        .s3()
        .put_object()
        .bucket(&alice.bucket)
        .key("k")
        .body(body)
        .send()
        .await
        .unwrap();
    let app = Setup::default().spawn_in(app.stop().await).await;
    let alice = app.credentials_of("alice").await;
    let got = alice
        .s3()
        .get_object()
        .bucket(&alice.bucket)
        .key("k")
        .send()
        .await
        .unwrap();
    assert_eq!(
        got.body.collect().await.unwrap().into_bytes().as_ref(),
        b"kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn prefix_suffix_and_namespace_shape_the_name() {
    let setup = Setup::default()
        .key("naming.prefix", "acme-")
        .key("naming.suffix", "-eu");
    let app = setup.key("naming.namespace", "prod").spawn().await;
    // printf '%s\0%s\0%s' prod demo alice | sha256sum | cut -c1-55
    assert_eq!(
        app.credentials_of("alice").await.bucket,
        "acme-9345c536f8ef39ea121436a4fda69cac4faf954f400764471fe307b-eu"
    );
}
