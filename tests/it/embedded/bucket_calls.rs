//! Credentials for the objects of a bucket do not change the bucket.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketCannedAcl, BucketLifecycleConfiguration, CorsConfiguration, CorsRule, ExpirationStatus,
    LifecycleRule, LifecycleRuleFilter, ObjectCannedAcl,
};

use super::isolation::World;
use super::{assert_denied, outcome};

#[tokio::test(flavor = "multi_thread")]
async fn buckets_cannot_be_created_deleted_or_changed() {
    let world = World::prepare().await;
    let World {
        alice, mine, bobs, ..
    } = &world;
    let list = alice.list_buckets();
    assert_denied("list buckets", &outcome(list.send().await));
    let create = alice.create_bucket().bucket("brand-new");
    assert_denied("create", &outcome(create.send().await));
    for bucket in [mine, bobs] {
        let create = alice.create_bucket().bucket(bucket);
        assert_denied("create", &outcome(create.send().await));
        let delete = alice.delete_bucket().bucket(bucket);
        assert_denied("delete", &outcome(delete.send().await));
        let put = alice.put_bucket_policy().bucket(bucket).policy("{}");
        assert_denied("policy", &outcome(put.send().await));
        let get = alice.get_bucket_policy().bucket(bucket);
        assert_denied("get policy", &outcome(get.send().await));
        let delete = alice.delete_bucket_policy().bucket(bucket);
        assert_denied("delete policy", &outcome(delete.send().await));
        let acl = alice.put_bucket_acl().bucket(bucket);
        let acl = acl.acl(BucketCannedAcl::PublicRead);
        assert_denied("bucket ACL", &outcome(acl.send().await));
        let acl = alice.put_object_acl().bucket(bucket).key("secret");
        let acl = acl.acl(ObjectCannedAcl::PublicRead);
        assert_denied("object ACL", &outcome(acl.send().await));
        let put = alice.put_object().bucket(bucket).key("public");
        let put = put.acl(ObjectCannedAcl::PublicRead);
        let put = put.body(ByteStream::from_static(b"x"));
        assert_denied("public put", &outcome(put.send().await));
        let put = alice.put_bucket_cors().bucket(bucket);
        let put = put.cors_configuration(cors());
        assert_denied("CORS", &outcome(put.send().await));
        let put = alice.put_bucket_lifecycle_configuration().bucket(bucket);
        let put = put.lifecycle_configuration(rules());
        assert_denied("lifecycle", &outcome(put.send().await));
        let get = alice.get_bucket_location().bucket(bucket);
        assert_denied("location", &outcome(get.send().await));
        let list = alice.list_multipart_uploads().bucket(bucket);
        assert_denied("uploads", &outcome(list.send().await));
    }
}

fn cors() -> CorsConfiguration {
    let rule = CorsRule::builder().allowed_methods("GET");
    let rule = rule.allowed_origins("*").build().unwrap();
    let cors = CorsConfiguration::builder().cors_rules(rule);
    cors.build().unwrap()
}

fn rules() -> BucketLifecycleConfiguration {
    let everything = LifecycleRuleFilter::builder().prefix("").build();
    let rule = LifecycleRule::builder().status(ExpirationStatus::Enabled);
    let rule = rule.filter(everything).build().unwrap();
    let rules = BucketLifecycleConfiguration::builder().rules(rule);
    rules.build().unwrap()
}
