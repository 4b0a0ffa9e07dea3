//! The tag with the deployment that a bucket belongs to.

use aws_sdk_s3::types::{Tag, Tagging};

use super::App;

/// The id of another deployment on the same store.
pub(crate) const PRODUCTION: &str = "0123456789abcdef0123456789abcdef";

const TAG: &str = "cloakroom-deployment";

impl App {
    /// Creates a bucket of another deployment.
    pub(crate) async fn bucket_of_production(&self, bucket: &str) {
        let created = self.root().create_bucket().bucket(bucket).send();
        created.await.unwrap();
        self.tag_bucket(bucket, PRODUCTION).await;
    }

    pub(crate) async fn tag_bucket(&self, bucket: &str, deployment: &str) {
        let tag = Tag::builder().key(TAG).value(deployment).build().unwrap();
        let tags = Tagging::builder().tag_set(tag).build().unwrap();
        let tagged = self
            .root()
            .put_bucket_tagging()
            .bucket(bucket)
            .tagging(tags);
        tagged.send().await.unwrap();
    }

    pub(crate) async fn tag_of_bucket(&self, bucket: &str) -> Option<String> {
        let asked = self.root().get_bucket_tagging().bucket(bucket).send().await;
        let mut tags = asked.unwrap().tag_set.into_iter();
        tags.find(|tag| tag.key == TAG).map(|tag| tag.value)
    }
}
