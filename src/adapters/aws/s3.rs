use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketNamespace, CreateBucketConfiguration,
    PublicAccessBlockConfiguration, Tag, Tagging,
};

use crate::domain::BucketName;
use crate::service::{Buckets, Creation, Presence, UpstreamError, UpstreamErrorKind};

use super::failure::{code, describe, status};
use super::quirks::{Quirks, Support};
use super::{AwsClients, Engine};

/// AWS's default region, which `CreateBucket` must not name.
const UNNAMED_REGION: &str = "us-east-1";

const MANAGED_BY_TAG: &str = "managed-by";

/// The tag that says which deployment of the gateway a bucket belongs to.
const DEPLOYMENT_TAG: &str = "cloakroom-deployment";

/// A longer name of a region is none.
const MAX_REGION_CHARS: usize = 32;

/// How long another creation of the same bucket is given to end (S3 `OperationAborted`).
const CONCURRENT_CREATION: Duration = Duration::from_millis(300);

/// Buckets over S3, through the gateway's own identity.
pub struct S3Buckets {
    reading: Client,
    making: Client,
    engine: Engine,
    quirks: Quirks,
    region: String,
    expected_owner: Option<String>,
}

impl S3Buckets {
    /// Over these clients.
    #[must_use]
    pub fn new(clients: &AwsClients) -> Self {
        let settings = &clients.settings;
        let expected_owner = match settings.engine {
            Engine::Aws => settings
                .role_arn
                .as_deref()
                .and_then(account_of)
                .map(str::to_owned),
            _ => None,
        };
        Self {
            reading: clients.s3_reading(),
            making: clients.s3_making(),
            engine: settings.engine,
            quirks: settings.engine.quirks(),
            region: settings.region.clone(),
            expected_owner,
        }
    }

    /// The answer to HEAD has no body, so it does not say why it refuses; a GET does.
    async fn why_hidden(&self, bucket: &BucketName) -> Result<Presence, UpstreamError> {
        let asked = self
            .reading
            .get_bucket_location()
            .bucket(bucket.as_str())
            .set_expected_bucket_owner(self.expected_owner.clone())
            .send()
            .await;
        match asked {
            Ok(_) => Ok(Presence::Hidden),
            Err(error) if code(&error) == Some("NoSuchBucket") => Ok(Presence::Missing),
            Err(error) if code(&error) == Some("AccessDenied") && !self.quirks.single_account => {
                Ok(Presence::Hidden)
            }
            Err(error) => Err(describe("GetBucketLocation", &error)),
        }
    }

    /// An answer that may come from another region than the configured one; it says nothing about
    /// whose the bucket is.
    fn elsewhere<E: ProvideErrorMetadata>(
        &self,
        operation: &str,
        error: &SdkError<E, HttpResponse>,
    ) -> UpstreamError {
        let mut failure = describe(operation, error);
        let region = region(error).filter(|region| *region != self.region);
        if status(error) == Some(301) || region.is_some() {
            let region = region.unwrap_or("the store does not say which");
            let hint = format!("; the bucket is in another region ({region}): storage.region is ");
            failure.cause.push_str(&hint);
            failure.cause.push_str(&self.region);
        }
        failure
    }

    fn configuration(&self) -> Option<CreateBucketConfiguration> {
        let named = self.quirks.location_constraint && self.region != UNNAMED_REGION;
        named.then(|| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(self.region.as_str()))
                .build()
        })
    }

    /// AWS's account-regional names end in `-an`, and nobody else can take them.
    fn namespace(&self, bucket: &BucketName) -> Option<BucketNamespace> {
        let account_regional = self.engine == Engine::Aws && bucket.as_str().ends_with("-an");
        account_regional.then(|| BucketNamespace::from("account-regional"))
    }

    /// Somebody is creating the same bucket at this moment: wait and see who.
    async fn after_concurrent_creation(
        &self,
        bucket: &BucketName,
    ) -> Result<Creation, UpstreamError> {
        tokio::time::sleep(CONCURRENT_CREATION).await;
        match self.look(bucket).await? {
            Presence::Ours => Ok(Creation::AlreadyOurs),
            Presence::Foreign => Ok(Creation::Foreign),
            Presence::Missing | Presence::Hidden => Err(UpstreamError::new(
                UpstreamErrorKind::Unreachable,
                "CreateBucket: OperationAborted, and the bucket is still missing",
            )),
        }
    }

    async fn close_to_the_public(&self, bucket: &BucketName) -> Result<(), UpstreamError> {
        let closed = PublicAccessBlockConfiguration::builder()
            .block_public_acls(self.quirks.block_public_acls)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        let sent = self
            .making
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

    async fn tags(&self, bucket: &BucketName) -> Result<Vec<Tag>, UpstreamError> {
        if self.quirks.bucket_tags == Support::No {
            return Ok(Vec::new());
        }
        let asked = self
            .reading
            .get_bucket_tagging()
            .bucket(bucket.as_str())
            .send()
            .await;
        match asked {
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

    async fn mark(&self, bucket: &BucketName, deployment: &str) -> Result<(), UpstreamError> {
        let ours = [(MANAGED_BY_TAG, "cloakroom"), (DEPLOYMENT_TAG, deployment)];
        // A bucket that stood there before may have tags of its operator's.
        let mut tags = self.tags(bucket).await?;
        tags.retain(|tag| ours.iter().all(|(key, _)| tag.key != *key));
        let ours = ours.map(|(key, value)| Tag::builder().key(key).value(value).build());
        let ours: Result<Vec<Tag>, _> = ours.into_iter().collect();
        let tags = ours.and_then(|ours| {
            tags.extend(ours);
            Tagging::builder().set_tag_set(Some(tags)).build()
        });
        let tags = tags.map_err(|_| {
            UpstreamError::new(UpstreamErrorKind::Nonsense, "the tags cannot be built")
        })?;
        let sent = self
            .making
            .put_bucket_tagging()
            .bucket(bucket.as_str())
            .tagging(tags)
            .send()
            .await;
        accept(self.quirks.bucket_tags, "PutBucketTagging", sent)
    }
}

#[async_trait]
impl Buckets for S3Buckets {
    async fn look(&self, bucket: &BucketName) -> Result<Presence, UpstreamError> {
        let asked = self
            .reading
            .head_bucket()
            .bucket(bucket.as_str())
            .set_expected_bucket_owner(self.expected_owner.clone())
            .send()
            .await;
        match asked {
            Ok(_) => Ok(Presence::Ours),
            Err(error) => match status(&error) {
                Some(404) => Ok(Presence::Missing),
                Some(403) => self.why_hidden(bucket).await,
                _ => Err(self.elsewhere("HeadBucket", &error)),
            },
        }
    }

    async fn create(&self, bucket: &BucketName) -> Result<Creation, UpstreamError> {
        let made = self
            .making
            .create_bucket()
            .bucket(bucket.as_str())
            .set_create_bucket_configuration(self.configuration())
            .set_bucket_namespace(self.namespace(bucket))
            .send()
            .await;
        match made {
            Ok(_) => Ok(Creation::Made),
            Err(error) => match (status(&error), code(&error)) {
                (Some(409), Some("BucketAlreadyOwnedByYou")) => Ok(Creation::AlreadyOurs),
                // The only answer that proves another account's bucket.
                (Some(409), Some("BucketAlreadyExists")) => Ok(Creation::Foreign),
                (_, Some("OperationAborted")) => self.after_concurrent_creation(bucket).await,
                _ => Err(self.elsewhere("CreateBucket", &error)),
            },
        }
    }

    async fn marker(&self, bucket: &BucketName) -> Result<Option<String>, UpstreamError> {
        let tags = self.tags(bucket).await?.into_iter();
        let mut markers = tags.filter(|tag| tag.key == DEPLOYMENT_TAG);
        Ok(markers.next().map(|tag| tag.value))
    }

    async fn furnish(&self, bucket: &BucketName, deployment: &str) -> Result<(), UpstreamError> {
        if self.quirks.public_access_block != Support::No {
            self.close_to_the_public(bucket).await?;
        }
        if self.quirks.bucket_tags != Support::No {
            self.mark(bucket, deployment).await?;
        }
        Ok(())
    }
}

fn accept<T, E: ProvideErrorMetadata>(
    support: Support,
    operation: &str,
    sent: Result<T, SdkError<E, HttpResponse>>,
) -> Result<(), UpstreamError> {
    match sent {
        Ok(_) => Ok(()),
        Err(error)
            if support == Support::Perhaps
                && (status(&error) == Some(501)
                    || matches!(code(&error), Some("NotImplemented" | "MethodNotAllowed"))) =>
        {
            Ok(())
        }
        Err(error) => Err(describe(operation, &error)),
    }
}

/// The region that an answer names, if it looks like one.
fn region<E>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    let region = error.raw_response()?.headers().get("x-amz-bucket-region")?;
    let is_region = (1..=MAX_REGION_CHARS).contains(&region.len())
        && region
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_region.then_some(region)
}

/// `arn:partition:iam::ACCOUNT:role/…`
fn account_of(role_arn: &str) -> Option<&str> {
    role_arn
        .split(':')
        .nth(4)
        .filter(|account| !account.is_empty())
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::method;
    use wiremock::{Mock, MockServer, Request, ResponseTemplate};

    use super::*;
    use crate::adapters::aws::tests::clients;

    async fn buckets(store: &MockServer) -> S3Buckets {
        S3Buckets::new(&clients(store.uri()).await)
    }

    #[tokio::test]
    async fn a_buckets_own_tags_stay_when_it_is_marked() {
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
            .furnish(&bucket, "this-one")
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

    #[test]
    fn the_account_is_in_the_role() {
        assert_eq!(
            account_of("arn:aws:iam::123456789012:role/x"),
            Some("123456789012")
        );
        assert_eq!(account_of("arn:aws:iam:::role/gateway"), None);
        assert_eq!(account_of("nonsense"), None);
    }
}
