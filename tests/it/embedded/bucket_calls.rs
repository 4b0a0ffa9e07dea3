//! What a bucket is cannot be changed with credentials to what is in it.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketCannedAcl, BucketLifecycleConfiguration, CorsConfiguration, CorsRule, ExpirationStatus,
    LifecycleRule, LifecycleRuleFilter, ObjectCannedAcl,
};

use super::isolation::{World, denied, outcome, prepare};

#[tokio::test(flavor = "multi_thread")]
async fn buckets_can_be_neither_made_nor_unmade_nor_changed() {
    let world = prepare().await;
    let World {
        alice, mine, bobs, ..
    } = &world;
    denied("list buckets", &outcome(alice.list_buckets().send().await));
    denied(
        "create",
        &outcome(alice.create_bucket().bucket("brand-new").send().await),
    );
    for bucket in [mine, bobs] {
        denied(
            "create",
            &outcome(alice.create_bucket().bucket(bucket).send().await),
        );
        denied(
            "delete",
            &outcome(alice.delete_bucket().bucket(bucket).send().await),
        );
        denied(
            "policy",
            &outcome(
                alice
                    .put_bucket_policy()
                    .bucket(bucket)
                    .policy("{}")
                    .send()
                    .await,
            ),
        );
        denied(
            "get policy",
            &outcome(alice.get_bucket_policy().bucket(bucket).send().await),
        );
        denied(
            "drop policy",
            &outcome(alice.delete_bucket_policy().bucket(bucket).send().await),
        );
        let public = BucketCannedAcl::PublicRead;
        denied(
            "bucket ACL",
            &outcome(
                alice
                    .put_bucket_acl()
                    .bucket(bucket)
                    .acl(public)
                    .send()
                    .await,
            ),
        );
        let public = ObjectCannedAcl::PublicRead;
        let acl = alice
            .put_object_acl()
            .bucket(bucket)
            .key("secret")
            .acl(public.clone());
        denied("object ACL", &outcome(acl.send().await));
        let body = ByteStream::from_static(b"x");
        let published = alice
            .put_object()
            .bucket(bucket)
            .key("public")
            .acl(public)
            .body(body);
        denied("public put", &outcome(published.send().await));
        denied(
            "CORS",
            &outcome(
                alice
                    .put_bucket_cors()
                    .bucket(bucket)
                    .cors_configuration(cors())
                    .send()
                    .await,
            ),
        );
        let lifecycle = alice.put_bucket_lifecycle_configuration().bucket(bucket);
        denied(
            "lifecycle",
            &outcome(lifecycle.lifecycle_configuration(rules()).send().await),
        );
        denied(
            "location",
            &outcome(alice.get_bucket_location().bucket(bucket).send().await),
        );
        denied(
            "uploads",
            &outcome(alice.list_multipart_uploads().bucket(bucket).send().await),
        );
    }
}

fn cors() -> CorsConfiguration {
    let rule = CorsRule::builder()
        .allowed_methods("GET")
        .allowed_origins("*")
        .build()
        .unwrap();
    CorsConfiguration::builder()
        .cors_rules(rule)
        .build()
        .unwrap()
}

fn rules() -> BucketLifecycleConfiguration {
    let rule = LifecycleRule::builder().status(ExpirationStatus::Enabled);
    let rule = rule
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .build()
        .unwrap();
    BucketLifecycleConfiguration::builder()
        .rules(rule)
        .build()
        .unwrap()
}
