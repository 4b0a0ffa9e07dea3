use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::adapters::oauth::http_date;
use crate::domain::{BucketName, Session};
use crate::service::doctor::ThrowAwayBuckets;
use crate::service::{UpstreamError, UpstreamErrorKind};

use crate::adapters::aws::AwsClients;
use crate::adapters::aws::failure::{code, describe};

/// A bucket that is asked about for nothing but the answer's date.
const NOBODYS: &str = "cloakroom-doctor-asks-what-time-it-is";

/// The store may still be finishing a put of an examination that was killed: a bucket that is not
/// empty is emptied again after each of these pauses.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Lists buckets and removes those of `cloakroom doctor`.
pub struct S3ThrowAway {
    clients: AwsClients,
}

impl S3ThrowAway {
    /// Over these clients, as the gateway itself.
    #[must_use]
    pub fn new(clients: &AwsClients) -> Self {
        Self {
            clients: clients.clone(),
        }
    }

    /// What time it is at the store.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn date(&self) -> Result<Option<DateTime<Utc>>, UpstreamError> {
        let asked = self.clients.s3.head_bucket().bucket(NOBODYS).send().await;
        let Err(error) = asked else {
            return Err(UpstreamError::new(
                UpstreamErrorKind::Nonsense,
                "HeadBucket: a bucket of nobody's",
            ));
        };
        match error.raw_response() {
            Some(answer) => Ok(http_date(answer.headers().get("date"))),
            None => Err(describe("HeadBucket", &error)),
        }
    }

    async fn empty(&self, bucket: &BucketName, session: &Session) -> Result<(), UpstreamError> {
        // The gateway's own identity need not have rights on objects; a session has.
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

    /// Uploads that were begun and not finished keep some stores from removing a bucket; where the
    /// gateway may not look at them, the removal will tell.
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
                tracing::debug!("an upload of the examination could not be aborted");
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
        let mut pauses = PAUSES.into_iter();
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
