use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{BucketName, Session};
use crate::service::UpstreamError;
use crate::service::doctor::ThrowAwayBuckets;

use crate::adapters::aws::AwsClients;
use crate::adapters::aws::failure::{code, describe};

/// The pauses before a bucket that is not empty is emptied again: the store may still be finishing an
/// upload of a doctor that was killed.
const RETRY_PAUSES: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Lists buckets, and removes those that `cloakroom doctor` created.
pub struct S3ThrowAway {
    clients: AwsClients,
}

impl S3ThrowAway {
    /// Uses these clients' connections and the gateway's own key pair.
    #[must_use]
    pub fn new(clients: &AwsClients) -> Self {
        Self {
            clients: clients.clone(),
        }
    }

    async fn empty(&self, bucket: &BucketName, session: &Session) -> Result<(), UpstreamError> {
        // The gateway's own user may lack rights on objects; the session has them.
        let client = self.clients.s3_as(session);
        let mut pages = client
            .list_objects_v2()
            .bucket(bucket.as_str())
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) if code(&error) == Some("NoSuchBucket") => return Ok(()),
                Err(error) => return Err(describe("ListObjectsV2", &error)),
            };
            for object in page.contents.unwrap_or_default() {
                client
                    .delete_object()
                    .bucket(bucket.as_str())
                    .set_key(object.key)
                    .send()
                    .await
                    .map_err(|error| describe("DeleteObject", &error))?;
            }
        }
        Ok(())
    }

    /// Aborts unfinished uploads, because some stores do not delete a bucket that has any. If the
    /// gateway may not list them, deleting the bucket reports the problem.
    async fn abort_uploads(&self, bucket: &BucketName) {
        let uploads = self
            .clients
            .s3
            .list_multipart_uploads()
            .bucket(bucket.as_str());
        let Ok(uploads) = uploads.send().await else {
            return;
        };
        for upload in uploads.uploads.unwrap_or_default() {
            let aborted = self
                .clients
                .s3
                .abort_multipart_upload()
                .bucket(bucket.as_str())
                .set_key(upload.key)
                .set_upload_id(upload.upload_id)
                .send()
                .await;
            if aborted.is_err() {
                tracing::debug!("cannot abort an upload of cloakroom doctor");
            }
        }
    }
}

#[async_trait]
impl ThrowAwayBuckets for S3ThrowAway {
    async fn list(&self) -> Result<Vec<String>, UpstreamError> {
        let mut names = Vec::new();
        let s3 = self.clients.listing(&self.clients.s3);
        let mut pages = s3.list_buckets().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| describe("ListBuckets", &error))?;
            let buckets = page.buckets.unwrap_or_default();
            names.extend(buckets.into_iter().filter_map(|bucket| bucket.name));
        }
        Ok(names)
    }

    async fn remove(
        &self,
        bucket: &BucketName,
        session: Option<&Session>,
    ) -> Result<(), UpstreamError> {
        let mut pauses = RETRY_PAUSES.into_iter();
        loop {
            if let Some(session) = session {
                self.empty(bucket, session).await?;
            }
            self.abort_uploads(bucket).await;
            let request = self.clients.s3.delete_bucket().bucket(bucket.as_str());
            let Err(error) = request.send().await else {
                return Ok(());
            };
            match (code(&error), pauses.next()) {
                (Some("NoSuchBucket"), _) => return Ok(()),
                (Some("BucketNotEmpty"), Some(pause)) if session.is_some() => {
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(describe("DeleteBucket", &error)),
            }
        }
    }
}
