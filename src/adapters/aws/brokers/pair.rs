use crate::domain::{BucketName, KeyPair, Session};
use crate::service::UpstreamError;

use crate::adapters::aws::AwsClients;
use crate::adapters::aws::failure::{code, describe};

/// The error with which a store refuses a key pair that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::adapters::aws) enum UnknownKeyError {
    /// `InvalidAccessKeyId` or `SignatureDoesNotMatch`.
    InvalidAccessKeyId,
    /// `AccessDenied`, as for a known pair. Known pairs may list buckets.
    AccessDenied,
}

/// The pair of an engine's answer, unless a half of it is empty: nobody can sign with that.
pub(super) fn whole(access_key_id: String, secret_access_key: String) -> Option<KeyPair> {
    let is_whole = !access_key_id.is_empty() && !secret_access_key.is_empty();
    is_whole.then(|| KeyPair {
        access_key_id,
        secret_access_key: secret_access_key.into(),
    })
}

impl AwsClients {
    /// Whether the store knows the pair and its policy. Lists `bucket`, which the policy allows and
    /// which may be missing; without a bucket, the store only has to know the pair.
    pub(in crate::adapters::aws) async fn accepts(
        &self,
        pair: &KeyPair,
        bucket: Option<&BucketName>,
        unknown_key: UnknownKeyError,
    ) -> Result<bool, UpstreamError> {
        let s3 = self.s3_as(&Session::from(pair));
        let Some(bucket) = bucket else {
            return match self.listing(&s3).list_buckets().send().await {
                Ok(_) => Ok(true),
                Err(error) => match code(&error) {
                    Some("AccessDenied") => Ok(unknown_key == UnknownKeyError::InvalidAccessKeyId),
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
                // The policy is not in effect yet.
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
