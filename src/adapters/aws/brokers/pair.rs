use crate::domain::{BucketName, KeyPair, Session};
use crate::service::UpstreamError;

use crate::adapters::aws::AwsClients;
use crate::adapters::aws::failure::{code, describe};

/// What a store says of a pair that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::adapters::aws) enum Strangers {
    /// That it does not know it.
    AreUnknown,
    /// "Access denied", as of one that it knows; but whom it knows may list buckets.
    AreDenied,
}

impl AwsClients {
    /// Whether the store knows the pair, and its policy. A bucket that the policy lets one list must
    /// be listed, or be missing; without such a bucket it is enough to be known.
    pub(in crate::adapters::aws) async fn accepts(
        &self,
        pair: &KeyPair,
        bucket: Option<&BucketName>,
        strangers: Strangers,
    ) -> Result<bool, UpstreamError> {
        let s3 = self.s3_as(&Session::from(pair));
        let Some(bucket) = bucket else {
            return match self.listing(&s3).list_buckets().send().await {
                Ok(_) => Ok(true),
                Err(error) => match code(&error) {
                    Some("AccessDenied") => Ok(strangers == Strangers::AreUnknown),
                    Some(code) if is_unknown_pair(code) => Ok(false),
                    _ => Err(describe("ListBuckets", &error)),
                },
            };
        };
        let listed = s3.list_objects_v2().bucket(bucket.as_str()).max_keys(1);
        match listed.send().await {
            Ok(_) => Ok(true),
            Err(error) => match code(&error) {
                Some("NoSuchBucket") => Ok(true),
                // The policy has not arrived yet.
                Some("AccessDenied") => Ok(false),
                Some(code) if is_unknown_pair(code) => Ok(false),
                _ => Err(describe("ListObjectsV2", &error)),
            },
        }
    }
}

fn is_unknown_pair(code: &str) -> bool {
    matches!(code, "InvalidAccessKeyId" | "SignatureDoesNotMatch")
}
