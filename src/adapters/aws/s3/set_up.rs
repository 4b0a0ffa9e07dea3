//! What the gateway sets on a bucket before its first use: public access is blocked, and a tag names the
//! deployment.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{PublicAccessBlockConfiguration, Tag, Tagging};

use crate::adapters::aws::failure::{code, describe, status};
use crate::adapters::aws::quirks::Support;
use crate::domain::BucketName;
use crate::service::{UpstreamError, UpstreamErrorKind};

use super::S3Buckets;

const MANAGED_BY_TAG: &str = "managed-by";

/// The tag that names the deployment that a bucket belongs to.
pub(super) const DEPLOYMENT_TAG: &str = "cloakroom-deployment";

impl S3Buckets {
    /// Makes public ACLs and bucket policies ineffective.
    pub(super) async fn block_public_access(
        &self,
        bucket: &BucketName,
    ) -> Result<(), UpstreamError> {
        let closed = PublicAccessBlockConfiguration::builder()
            .block_public_acls(self.quirks.block_public_acls)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        let sent = self
            .writing
            .put_public_access_block()
            .bucket(bucket.as_str())
            .public_access_block_configuration(closed)
            .send()
            .await;
        accept(
            self.quirks.public_access_block,
            "PutPublicAccessBlock",
            sent,
        )
    }

    /// The bucket's tags; none if the engine has no tags.
    pub(super) async fn tags(&self, bucket: &BucketName) -> Result<Vec<Tag>, UpstreamError> {
        if self.quirks.bucket_tags == Support::No {
            return Ok(Vec::new());
        }
        let sent = self
            .reading
            .get_bucket_tagging()
            .bucket(bucket.as_str())
            .send()
            .await;
        match sent {
            Ok(tagging) => Ok(tagging.tag_set),
            Err(error) if matches!(code(&error), Some("NoSuchTagSet" | "NoSuchTagSetError")) => {
                Ok(Vec::new())
            }
            Err(error) => accept(
                self.quirks.bucket_tags,
                "GetBucketTagging",
                Err::<(), _>(error),
            )
            .map(|()| Vec::new()),
        }
    }

    /// Tags the bucket as this deployment's, and keeps the tags that its operator has set.
    pub(super) async fn mark(
        &self,
        bucket: &BucketName,
        deployment: &str,
    ) -> Result<(), UpstreamError> {
        let ours = [(MANAGED_BY_TAG, "cloakroom"), (DEPLOYMENT_TAG, deployment)];
        let mut tags = self.tags(bucket).await?;
        tags.retain(|tag| ours.iter().all(|(key, _)| tag.key != *key));
        let ours = ours.map(|(key, value)| Tag::builder().key(key).value(value).build());
        let ours: Result<Vec<Tag>, _> = ours.into_iter().collect();
        let tags = ours.and_then(|ours| {
            tags.extend(ours);
            Tagging::builder().set_tag_set(Some(tags)).build()
        });
        let tags = tags.map_err(|_| {
            UpstreamError::new(
                UpstreamErrorKind::Nonsense,
                "PutBucketTagging: cannot build the tags",
            )
        })?;
        let sent = self
            .writing
            .put_bucket_tagging()
            .bucket(bucket.as_str())
            .tagging(tags)
            .send()
            .await;
        accept(self.quirks.bucket_tags, "PutBucketTagging", sent)
    }
}

/// Treats "not implemented" as success where the engine may lack the feature.
fn accept<T, E: ProvideErrorMetadata>(
    support: Support,
    operation: &str,
    sent: Result<T, SdkError<E, HttpResponse>>,
) -> Result<(), UpstreamError> {
    match sent {
        Ok(_) => Ok(()),
        Err(error) if is_lacking(support, &error) => Ok(()),
        Err(error) => Err(describe(operation, &error)),
    }
}

/// Whether the answer says that the engine lacks a feature that it may lack.
pub(super) fn is_lacking<E: ProvideErrorMetadata>(
    support: Support,
    error: &SdkError<E, HttpResponse>,
) -> bool {
    let not_implemented = status(error) == Some(501)
        || matches!(code(error), Some("NotImplemented" | "MethodNotAllowed"));
    support == Support::Perhaps && not_implemented
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::method;
    use wiremock::{Mock, MockServer, Request, ResponseTemplate};

    use super::*;
    use crate::adapters::aws::BucketRules;
    use crate::adapters::aws::tests::clients;
    use crate::service::Buckets;

    async fn buckets(store: &MockServer) -> S3Buckets {
        S3Buckets::new(&clients(store.uri()).await, BucketRules::default())
    }

    #[tokio::test]
    async fn marking_a_bucket_keeps_its_other_tags() {
        let store = MockServer::start().await;
        let tag =
            |key: &str, value: &str| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
        let tagging = format!(
            "<Tagging><TagSet>{}{}</TagSet></Tagging>",
            tag("cost-centre", "7"),
            tag("managed-by", "hand")
        );
        Mock::given(method("GET"))
            .respond_with(ResponseTemplate::new(200).set_body_string(tagging))
            .mount(&store)
            .await;
        Mock::given(method("PUT"))
            .respond_with(ResponseTemplate::new(200))
            .mount(&store)
            .await;
        let bucket = "clients".parse().unwrap();
        buckets(&store)
            .await
            .set_up(&bucket, "this-one")
            .await
            .unwrap();
        let is_tagging = |request: &&Request| {
            request.method == "PUT" && request.url.query().is_some_and(|q| q.contains("tagging"))
        };
        let requests = store.received_requests().await.unwrap();
        let sent = requests.iter().find(is_tagging).unwrap();
        let sent = std::str::from_utf8(&sent.body).unwrap();
        for (key, value) in [
            ("cost-centre", "7"),
            ("managed-by", "cloakroom"),
            ("cloakroom-deployment", "this-one"),
        ] {
            assert!(sent.contains(&tag(key, value)), "{key} in {sent}");
        }
        assert_eq!(sent.matches("<Tag>").count(), 3, "{sent}");
    }
}
