//! Reads and deletes everything that a bucket holds, as the gateway's own user.

mod deleting;
mod listing;
mod locks;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use aws_sdk_s3::Client;

use crate::domain::BucketName;
use crate::service::{
    Contents, Governance, Kept, Mark, Page, Place, Removal, StoredVersion, Upload, UpstreamError,
};

use super::AwsClients;
use super::failure::{code, describe};

/// Everything that buckets hold, over S3.
pub struct S3Contents {
    client: Client,
    deleting: Client,
}

impl S3Contents {
    /// Uses these clients' connections and the gateway's own user.
    #[must_use]
    pub fn new(clients: &AwsClients) -> Self {
        Self {
            client: clients.listing(&clients.s3),
            deleting: clients.s3_deleting(),
        }
    }
}

#[async_trait]
impl Contents for S3Contents {
    async fn versions(
        &self,
        place: &Place,
        after: Option<&Mark>,
    ) -> Result<Page<StoredVersion>, UpstreamError> {
        listing::versions(&self.client, place, after).await
    }

    async fn uploads(
        &self,
        place: &Place,
        after: Option<&Mark>,
    ) -> Result<Page<Upload>, UpstreamError> {
        listing::uploads(&self.client, place, after).await
    }

    async fn delete(
        &self,
        bucket: &BucketName,
        versions: &[StoredVersion],
        governance: Governance,
    ) -> Result<Vec<Kept>, UpstreamError> {
        deleting::delete(&self.deleting, bucket, versions, governance).await
    }

    async fn abort(&self, bucket: &BucketName, upload: &Upload) -> Result<(), UpstreamError> {
        let sent = self
            .deleting
            .abort_multipart_upload()
            .bucket(bucket.as_str())
            .key(&upload.key)
            .upload_id(&upload.id)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) if matches!(code(&error), Some("NoSuchUpload" | "NoSuchBucket")) => Ok(()),
            Err(error) => Err(describe("AbortMultipartUpload", &error)),
        }
    }

    async fn remove_bucket(&self, bucket: &BucketName) -> Result<Removal, UpstreamError> {
        let sent = self.deleting.delete_bucket().bucket(bucket.as_str());
        match sent.send().await {
            Ok(_) => Ok(Removal::Gone),
            Err(error) => match code(&error) {
                Some("NoSuchBucket") => Ok(Removal::Gone),
                Some("BucketNotEmpty") => Ok(Removal::NotEmpty),
                _ => Err(describe("DeleteBucket", &error)),
            },
        }
    }
}
