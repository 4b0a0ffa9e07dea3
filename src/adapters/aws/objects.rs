use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;

use crate::domain::{Area, BucketName, Session};
use crate::service::{Objects, UpstreamError};

use super::AwsClients;
use super::failure::{code, describe, status};

/// Reads and writes objects over S3, with sessions' credentials.
pub struct S3Objects {
    clients: AwsClients,
}

impl S3Objects {
    /// Uses these clients' connections, never the gateway's own key pair.
    #[must_use]
    pub fn new(clients: &AwsClients) -> Self {
        Self {
            clients: clients.clone(),
        }
    }
}

#[async_trait]
impl Objects for S3Objects {
    async fn show_folder(
        &self,
        session: &Session,
        bucket: &BucketName,
        key: &str,
    ) -> Result<(), UpstreamError> {
        let s3 = self.clients.s3_as(session);
        let seen = s3.head_object().bucket(bucket.as_str()).key(key).send();
        match seen.await {
            Ok(_) => return Ok(()),
            Err(error) if status(&error) == Some(404) => {}
            Err(error) => return Err(describe("HeadObject", &error)),
        }
        let put = s3
            .put_object()
            .bucket(bucket.as_str())
            .key(key)
            .body(ByteStream::from_static(b""));
        let put = put.send().await;
        put.map(|_| ())
            .map_err(|error| describe("PutObject", &error))
    }

    async fn any(
        &self,
        session: &Session,
        area: &Area,
        besides: &[String],
    ) -> Result<bool, UpstreamError> {
        let s3 = self.clients.s3_as(session);
        let listed = s3
            .list_objects_v2()
            .bucket(area.bucket.as_str())
            .prefix(area.prefix.as_str())
            .max_keys(
                i32::try_from(besides.len())
                    .unwrap_or(i32::MAX)
                    .saturating_add(1),
            )
            .send();
        match listed.await {
            Ok(listed) => {
                let is_besides = |key| besides.iter().any(|besides| besides == key);
                let mut objects = listed.contents().iter();
                Ok(objects.any(|object| !object.key().is_some_and(is_besides)))
            }
            Err(error) if code(&error) == Some("NoSuchBucket") => Ok(false),
            Err(error) => Err(describe("ListObjectsV2", &error)),
        }
    }
}
