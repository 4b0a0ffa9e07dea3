use std::collections::BTreeSet;
use std::sync::Once;

use aws_sdk_s3::types::{CorsConfiguration, CorsRule};

use crate::adapters::aws::failure::code;
use crate::adapters::aws::quirks::Support;
use crate::domain::BucketName;
use crate::service::UpstreamError;

use super::S3Buckets;
use super::rules::{Change, cannot_build, unless_lacking};

/// The id of the gateway's CORS rule.
const ID: &str = "cloakroom-cors";

/// What a web page may do that has credentials.
const METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "HEAD"];

/// What a web page may read: uploads in parts need the `ETag` of each part.
const EXPOSED: &str = "ETag";

/// Seconds for which browsers may cache the answer to a preflight.
const MAX_AGE: i32 = 3_600;

const KEY: &str = "buckets.cors_origins";
const GET: &str = "GetBucketCors";
const PUT: &str = "PutBucketCors";
const DELETE: &str = "DeleteBucketCors";

/// Whether the warning about an engine without CORS rules was logged.
static TOLD: Once = Once::new();

impl S3Buckets {
    /// Keeps the rule that lets web pages use the bucket.
    pub(super) async fn keep_cors_rule(&self, bucket: &BucketName) -> Result<(), UpstreamError> {
        let support = self.quirks.cors_rules;
        let Some(origins) = &self.rules.cors_origins else {
            return Ok(());
        };
        if support == Support::No {
            return Ok(());
        }
        let Some(rules) = self.cors_rules(bucket).await? else {
            return Ok(());
        };
        let wanted = (!origins.is_empty()).then(|| rule(origins)).transpose()?;
        let is_ours = |rule: &CorsRule| rule.id() == Some(ID);
        let rules = match Change::new(rules, wanted, is_ours, says_the_same) {
            Change::None => return Ok(()),
            Change::Put(rules) => rules,
            Change::Delete => return self.delete_cors_rules(bucket).await,
        };
        let configuration = CorsConfiguration::builder()
            .set_cors_rules(Some(rules))
            .build()
            .map_err(cannot_build(PUT))?;
        let sent = self
            .writing
            .put_bucket_cors()
            .bucket(bucket.as_str())
            .cors_configuration(configuration)
            .send()
            .await;
        sent.map(drop)
            .or_else(|error| unless_lacking(support, (PUT, KEY), &TOLD, &error))
    }

    /// `None` if the engine has no CORS rules.
    async fn cors_rules(
        &self,
        bucket: &BucketName,
    ) -> Result<Option<Vec<CorsRule>>, UpstreamError> {
        let sent = self
            .reading
            .get_bucket_cors()
            .bucket(bucket.as_str())
            .send()
            .await;
        match sent {
            Ok(found) => Ok(Some(found.cors_rules.unwrap_or_default())),
            Err(error) if code(&error) == Some("NoSuchCORSConfiguration") => Ok(Some(Vec::new())),
            Err(error) => {
                unless_lacking(self.quirks.cors_rules, (GET, KEY), &TOLD, &error).map(|()| None)
            }
        }
    }

    async fn delete_cors_rules(&self, bucket: &BucketName) -> Result<(), UpstreamError> {
        let sent = self
            .writing
            .delete_bucket_cors()
            .bucket(bucket.as_str())
            .send()
            .await;
        sent.map(drop)
            .or_else(|error| unless_lacking(self.quirks.cors_rules, (DELETE, KEY), &TOLD, &error))
    }
}

fn rule(origins: &[String]) -> Result<CorsRule, UpstreamError> {
    CorsRule::builder()
        .id(ID)
        .set_allowed_origins(Some(origins.to_vec()))
        .set_allowed_methods(Some(METHODS.map(str::to_owned).into()))
        .allowed_headers("*")
        .expose_headers(EXPOSED)
        .max_age_seconds(MAX_AGE)
        .build()
        .map_err(cannot_build(PUT))
}

/// Engines answer in an order of their own.
fn says_the_same(rule: &CorsRule, wanted: &CorsRule) -> bool {
    let set = |words: &[String]| words.iter().cloned().collect::<BTreeSet<_>>();
    let parts = |rule: &CorsRule| {
        (
            set(rule.allowed_origins()),
            set(rule.allowed_methods()),
            set(rule.allowed_headers()),
            set(rule.expose_headers()),
            rule.max_age_seconds,
        )
    };
    parts(rule) == parts(wanted)
}
