use std::sync::Once;

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleRule,
    LifecycleRuleFilter, TransitionDefaultMinimumObjectSize,
};

use crate::adapters::aws::failure::code;
use crate::adapters::aws::quirks::Support;
use crate::domain::BucketName;
use crate::service::UpstreamError;

use super::S3Buckets;
use super::rules::{Change, cannot_build, unless_lacking};

/// The id of the gateway's lifecycle rule.
const ID: &str = "cloakroom-abort-multipart";

const KEY: &str = "buckets.abort_multipart_after";
const GET: &str = "GetBucketLifecycleConfiguration";
const PUT: &str = "PutBucketLifecycleConfiguration";
const DELETE: &str = "DeleteBucketLifecycle";

/// Whether the warning about an engine without lifecycle rules was logged.
static TOLD: Once = Once::new();

/// The lifecycle rules of a bucket, and a setting that is written with them.
type Lifecycle = (
    Vec<LifecycleRule>,
    Option<TransitionDefaultMinimumObjectSize>,
);

impl S3Buckets {
    /// Keeps the lifecycle rule that drops the parts of unfinished uploads.
    pub(super) async fn keep_abort_rule(&self, bucket: &BucketName) -> Result<(), UpstreamError> {
        let support = self.quirks.abort_rules;
        let Some(days) = self.rules.abort_multipart_after else {
            return Ok(());
        };
        if support == Support::No {
            return Ok(());
        }
        let Some((rules, minimum_size)) = self.lifecycle(bucket).await? else {
            return Ok(());
        };
        let wanted = (days > 0).then(|| rule(days)).transpose()?;
        let is_ours = |rule: &LifecycleRule| rule.id() == Some(ID);
        let rules = match Change::new(rules, wanted, is_ours, says_the_same) {
            Change::None => return Ok(()),
            Change::Put(rules) => rules,
            Change::Delete => return self.delete_lifecycle(bucket).await,
        };
        let configuration = BucketLifecycleConfiguration::builder()
            .set_rules(Some(rules))
            .build()
            .map_err(cannot_build(PUT))?;
        let sent = self
            .writing
            .put_bucket_lifecycle_configuration()
            .bucket(bucket.as_str())
            .lifecycle_configuration(configuration)
            .set_transition_default_minimum_object_size(minimum_size)
            .send()
            .await;
        sent.map(drop)
            .or_else(|error| unless_lacking(support, (PUT, KEY), &TOLD, &error))
    }

    /// `None` if the engine has no lifecycle rules.
    async fn lifecycle(&self, bucket: &BucketName) -> Result<Option<Lifecycle>, UpstreamError> {
        let sent = self
            .reading
            .get_bucket_lifecycle_configuration()
            .bucket(bucket.as_str())
            .send()
            .await;
        match sent {
            Ok(found) => Ok(Some((
                found.rules.unwrap_or_default(),
                found.transition_default_minimum_object_size,
            ))),
            Err(error) if code(&error) == Some("NoSuchLifecycleConfiguration") => {
                Ok(Some(Lifecycle::default()))
            }
            Err(error) => {
                unless_lacking(self.quirks.abort_rules, (GET, KEY), &TOLD, &error).map(|()| None)
            }
        }
    }

    async fn delete_lifecycle(&self, bucket: &BucketName) -> Result<(), UpstreamError> {
        let sent = self
            .writing
            .delete_bucket_lifecycle()
            .bucket(bucket.as_str())
            .send()
            .await;
        sent.map(drop)
            .or_else(|error| unless_lacking(self.quirks.abort_rules, (DELETE, KEY), &TOLD, &error))
    }
}

fn rule(days: u16) -> Result<LifecycleRule, UpstreamError> {
    let abort = AbortIncompleteMultipartUpload::builder()
        .days_after_initiation(days.into())
        .build();
    LifecycleRule::builder()
        .id(ID)
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .abort_incomplete_multipart_upload(abort)
        .build()
        .map_err(cannot_build(PUT))
}

/// Engines answer with `Prefix` where `Filter` was sent, or without either. A rule that does more than
/// drop parts does not say the same.
#[expect(
    deprecated,
    reason = "engines and operators still write rules with `Prefix`"
)]
fn says_the_same(rule: &LifecycleRule, wanted: &LifecycleRule) -> bool {
    let is_whole = |filter: &LifecycleRuleFilter| {
        let all = LifecycleRuleFilter::builder();
        *filter == all.clone().build() || *filter == all.prefix("").build()
    };
    let mut bare = rule.clone();
    bare.id.clone_from(&wanted.id);
    bare.filter.clone_from(&wanted.filter);
    bare.prefix = None;
    rule.prefix.as_deref().unwrap_or_default().is_empty()
        && rule.filter.as_ref().is_none_or(is_whole)
        && bare == *wanted
}
