mod abort_rule;
mod cors_rule;
mod rules;
mod set_up;

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{BucketLocationConstraint, BucketNamespace, CreateBucketConfiguration};

use crate::domain::BucketName;
use crate::service::{Buckets, Creation, Presence, UpstreamError, UpstreamErrorKind};

use super::failure::{code, describe, status};
use super::quirks::{Quirks, Support};
use super::{AwsClients, Engine};
pub use rules::BucketRules;
use set_up::DEPLOYMENT_TAG;

/// AWS's default region, which `CreateBucket` must not name.
const UNNAMED_REGION: &str = "us-east-1";

/// A longer value is not the name of a region.
const MAX_REGION_CHARS: usize = 32;

/// The time that a concurrent creation of the same bucket gets to finish (S3 `OperationAborted`).
const CONCURRENT_CREATION: Duration = Duration::from_millis(300);

/// Creates and inspects buckets over S3, as the gateway's own user.
pub struct S3Buckets {
    reading: Client,
    writing: Client,
    engine: Engine,
    quirks: Quirks,
    rules: BucketRules,
    region: String,
    expected_owner: Option<String>,
}

impl S3Buckets {
    /// Uses these clients' connections, and gives buckets these rules.
    #[must_use]
    pub fn new(clients: &AwsClients, rules: BucketRules) -> Self {
        let settings = &clients.settings;
        let role = settings.role_arn.as_deref();
        let expected_owner = role
            .filter(|_| settings.engine.role_names_bucket_owner())
            .and_then(account_of)
            .map(str::to_owned);
        Self {
            reading: clients.s3_reading(),
            writing: clients.s3_writing(),
            engine: settings.engine,
            quirks: settings.engine.quirks(),
            rules,
            region: settings.region.clone(),
            expected_owner,
        }
    }

    /// Finds out why HEAD was refused: its answer has no body with an error code, a GET's has.
    async fn explain_forbidden(&self, bucket: &BucketName) -> Result<Presence, UpstreamError> {
        let sent = self
            .reading
            .get_bucket_location()
            .bucket(bucket.as_str())
            .set_expected_bucket_owner(self.expected_owner.clone())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Presence::Hidden),
            Err(error) if code(&error) == Some("NoSuchBucket") => Ok(Presence::Missing),
            Err(error) if code(&error) == Some("AccessDenied") && !self.quirks.single_account => {
                Ok(Presence::Hidden)
            }
            Err(error) => Err(describe("GetBucketLocation", &error)),
        }
    }

    /// Describes an error, with the bucket's region if that is not the configured one. Such an answer
    /// does not prove who owns the bucket.
    fn describe_with_region<E: ProvideErrorMetadata>(
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

    fn location(&self) -> Option<CreateBucketConfiguration> {
        let named = self.quirks.location_constraint && self.region != UNNAMED_REGION;
        named.then(|| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(self.region.as_str()))
                .build()
        })
    }

    /// No other account can take an account-regional name.
    fn namespace(&self, bucket: &BucketName) -> Option<BucketNamespace> {
        let account_regional =
            self.engine.has_account_regional_names() && bucket.as_str().ends_with("-an");
        account_regional.then(|| BucketNamespace::from("account-regional"))
    }

    /// Waits for a concurrent creation of the same bucket, then checks who owns it.
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
                "CreateBucket: OperationAborted, and the bucket still does not exist",
            )),
        }
    }
}

#[async_trait]
impl Buckets for S3Buckets {
    async fn look(&self, bucket: &BucketName) -> Result<Presence, UpstreamError> {
        let sent = self
            .reading
            .head_bucket()
            .bucket(bucket.as_str())
            .set_expected_bucket_owner(self.expected_owner.clone())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Presence::Ours),
            Err(error) => match status(&error) {
                Some(404) => Ok(Presence::Missing),
                Some(403) => self.explain_forbidden(bucket).await,
                _ => Err(self.describe_with_region("HeadBucket", &error)),
            },
        }
    }

    async fn create(&self, bucket: &BucketName) -> Result<Creation, UpstreamError> {
        let sent = self
            .writing
            .create_bucket()
            .bucket(bucket.as_str())
            .set_create_bucket_configuration(self.location())
            .set_bucket_namespace(self.namespace(bucket))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Creation::Made),
            Err(error) => match (status(&error), code(&error)) {
                (Some(409), Some("BucketAlreadyOwnedByYou")) => Ok(Creation::AlreadyOurs),
                // The only answer that proves that another account owns the bucket.
                (Some(409), Some("BucketAlreadyExists")) => Ok(Creation::Foreign),
                (_, Some("OperationAborted")) => self.after_concurrent_creation(bucket).await,
                _ => Err(self.describe_with_region("CreateBucket", &error)),
            },
        }
    }

    async fn marker(&self, bucket: &BucketName) -> Result<Option<String>, UpstreamError> {
        let tags = self.tags(bucket).await?.into_iter();
        let mut markers = tags.filter(|tag| tag.key == DEPLOYMENT_TAG);
        Ok(markers.next().map(|tag| tag.value))
    }

    async fn set_up(&self, bucket: &BucketName, deployment: &str) -> Result<(), UpstreamError> {
        if self.quirks.public_access_block != Support::No {
            self.block_public_access(bucket).await?;
        }
        if self.quirks.bucket_tags != Support::No {
            self.mark(bucket, deployment).await?;
        }
        self.keep_rules(bucket).await
    }

    async fn repair_rules(&self, bucket: &BucketName) -> Result<(), UpstreamError> {
        self.keep_rules(bucket).await
    }
}

/// The region that the answer names, if it looks like one.
fn region<E>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    let region = error.raw_response()?.headers().get("x-amz-bucket-region")?;
    let is_region = (1..=MAX_REGION_CHARS).contains(&region.len())
        && region
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_region.then_some(region)
}

/// The account in `arn:partition:iam::ACCOUNT:role/…`.
fn account_of(role_arn: &str) -> Option<&str> {
    role_arn
        .split(':')
        .nth(4)
        .filter(|account| !account.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

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
