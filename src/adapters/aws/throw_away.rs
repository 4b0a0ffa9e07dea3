use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;

use crate::adapters::oauth::http_date;
use crate::domain::{BucketName, Session};
use crate::service::doctor::ThrowAwayBuckets;
use crate::service::{FailureKind, UpstreamFailure};

use super::AwsClients;
use super::failure::{code, describe};

/// A bucket that is asked about for nothing but the answer's date.
const NOBODYS: &str = "cloakroom-doctor-asks-what-time-it-is";

/// Lists buckets and removes those of `cloakroom doctor`.
pub struct S3ThrowAway {
    client: Client,
}

impl S3ThrowAway {
    /// Over these clients, as the gateway itself.
    #[must_use]
    pub fn new(clients: &AwsClients) -> Self {
        Self {
            client: clients.s3.clone(),
        }
    }

    /// What time it is at the store.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn date(&self) -> Result<Option<DateTime<Utc>>, UpstreamFailure> {
        let asked = self.client.head_bucket().bucket(NOBODYS).send().await;
        let Err(error) = asked else {
            return Err(UpstreamFailure::new(
                FailureKind::Nonsense,
                "HeadBucket: a bucket of nobody's",
            ));
        };
        match error.raw_response() {
            Some(answer) => Ok(http_date(answer.headers().get("date"))),
            None => Err(describe("HeadBucket", &error)),
        }
    }

    /// The gateway's own identity need not have rights on objects; a session has.
    fn inside(&self, session: &Session) -> Client {
        let credentials = Credentials::builder()
            .access_key_id(&session.access_key_id)
            .secret_access_key(session.secret_access_key.expose_secret())
            .session_token(session.session_token.expose_secret())
            .provider_name("cloakroom doctor")
            .build();
        let config = self.client.config().to_builder();
        Client::from_conf(config.credentials_provider(credentials).build())
    }

    async fn empty(&self, bucket: &BucketName, session: &Session) -> Result<(), UpstreamFailure> {
        let client = self.inside(session);
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
        let uploads = self.client.list_multipart_uploads().bucket(bucket.as_str());
        let Ok(uploads) = uploads.send().await else {
            return;
        };
        for upload in uploads.uploads.unwrap_or_default() {
            let aborted = self
                .client
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
    async fn list(&self) -> Result<Vec<String>, UpstreamFailure> {
        let mut names = Vec::new();
        let mut pages = self.client.list_buckets().into_paginator().send();
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
    ) -> Result<(), UpstreamFailure> {
        if let Some(session) = session {
            self.empty(bucket, session).await?;
        }
        self.abort_uploads(bucket).await;
        let removed = self.client.delete_bucket().bucket(bucket.as_str()).send();
        match removed.await {
            Ok(_) => Ok(()),
            Err(error) if code(&error) == Some("NoSuchBucket") => Ok(()),
            Err(error) => Err(describe("DeleteBucket", &error)),
        }
    }
}
