use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ObjectCannedAcl;
use serde_json::json;

use crate::adapters::plain_http;
use crate::domain::{BucketName, Session};
use crate::service::doctor::{Attempt, Deed, Intruder};

use super::client::credentials;
use super::failure::{describe, status};
use super::minio_admin::MinioAdmin;
use super::sts::ANY_ROLE;
use super::{AwsClients, CaError, Flavor};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Tries, with somebody's session, what `cloakroom doctor` wants to know.
pub struct S3Intruder {
    clients: AwsClients,
    minio: Option<MinioAdmin>,
    stranger: reqwest::Client,
}

impl S3Intruder {
    /// Over these clients' connections; never with the gateway's own identity.
    ///
    /// # Errors
    ///
    /// [`CaError`] when the certificate authorities cannot be used.
    pub fn new(clients: &AwsClients) -> Result<Self, CaError> {
        let settings = &clients.settings;
        let authorities = settings.ca_bundle.borrow().clone();
        let stranger = plain_http(authorities.as_deref()).map_err(CaError::from)?;
        let minio = settings
            .endpoint
            .as_ref()
            .filter(|_| settings.flavor == Flavor::Minio)
            .map(|endpoint| MinioAdmin::new(endpoint, &settings.region, stranger.clone()));
        Ok(Self {
            clients: clients.clone(),
            minio,
            stranger,
        })
    }

    /// Without a signature; not by the SDK, which might find one.
    async fn get_as_a_stranger(&self, bucket: &BucketName, key: &str) -> Attempt {
        let settings = &self.clients.settings;
        let url = match &settings.endpoint {
            Some(endpoint) => format!("{endpoint}/{bucket}/{key}"),
            None => format!(
                "https://{bucket}.s3.{}.amazonaws.com/{key}",
                settings.region
            ),
        };
        match self.stranger.get(url).timeout(TIMEOUT).send().await {
            Ok(answer) if answer.status().is_success() => Attempt::Done,
            Ok(answer) => match answer.status().as_u16() {
                401 | 403 => Attempt::Refused,
                status => Attempt::Unclear(format!("GetObject: HTTP {status}")),
            },
            Err(_) => Attempt::Unclear("GetObject: no answer".to_owned()),
        }
    }

    async fn assume_role(&self, session: &Session) -> Attempt {
        let config = self.clients.sts.config().to_builder();
        let config = config.credentials_provider(credentials(session));
        let role_arn = self.clients.settings.role_arn.as_deref();
        let sent = aws_sdk_sts::Client::from_conf(config.build())
            .assume_role()
            .role_arn(role_arn.unwrap_or(ANY_ROLE))
            .role_session_name("cloakroom-doctor")
            .set_external_id(self.clients.settings.external_id.clone())
            .send();
        judge("AssumeRole", Box::pin(sent).await)
    }

    async fn minio_service_account(&self, session: &Session) -> Attempt {
        match &self.minio {
            Some(minio) => minio.make_service_account(session).await,
            None => Attempt::Impossible("storage.flavor is not minio"),
        }
    }
}

#[async_trait]
impl Intruder for S3Intruder {
    async fn attempt(&self, session: Option<&Session>, deed: Deed<'_>) -> Attempt {
        let Some(session) = session else {
            return match deed {
                Deed::Get(bucket, key) => self.get_as_a_stranger(bucket, key).await,
                _ => Attempt::Impossible("strangers only try to read"),
            };
        };
        let s3 = self.clients.s3_within(session);
        match deed {
            Deed::Put(bucket, key) => put(&s3, bucket, key, None).await,
            Deed::Publish(bucket, key) => {
                put(&s3, bucket, key, Some(ObjectCannedAcl::PublicRead)).await
            }
            Deed::Get(bucket, key) => {
                let sent = s3.get_object().bucket(bucket.as_str()).key(key).send();
                judge("GetObject", sent.await)
            }
            Deed::List(bucket) => {
                let sent = s3.list_objects_v2().bucket(bucket.as_str()).send();
                judge("ListObjectsV2", sent.await)
            }
            Deed::Delete(bucket, key) => {
                let sent = s3.delete_object().bucket(bucket.as_str()).key(key).send();
                judge("DeleteObject", sent.await)
            }
            Deed::Copy(from, to, key) => copy(&s3, from, to, key).await,
            Deed::MultipartCopy(from, to, key) => multipart_copy(&s3, from, to, key).await,
            Deed::ChangePolicy(bucket) => change_policy(&s3, bucket).await,
            Deed::DeleteBucket(bucket) => {
                let sent = s3.delete_bucket().bucket(bucket.as_str()).send();
                judge("DeleteBucket", sent.await)
            }
            Deed::CreateBucket(bucket) => {
                let sent = s3.create_bucket().bucket(bucket.as_str()).send();
                judge("CreateBucket", sent.await)
            }
            Deed::AssumeRole => self.assume_role(session).await,
            Deed::MakeServiceAccount => self.minio_service_account(session).await,
        }
    }
}

async fn put(
    s3: &aws_sdk_s3::Client,
    bucket: &BucketName,
    key: &str,
    acl: Option<ObjectCannedAcl>,
) -> Attempt {
    let sent = s3
        .put_object()
        .bucket(bucket.as_str())
        .key(key)
        .set_acl(acl)
        .body(ByteStream::from_static(b"cloakroom doctor was here\n"))
        .send();
    judge("PutObject", sent.await)
}

async fn copy(s3: &aws_sdk_s3::Client, from: &BucketName, to: &BucketName, key: &str) -> Attempt {
    let sent = s3
        .copy_object()
        .copy_source(format!("{from}/{key}"))
        .bucket(to.as_str())
        .key("cloakroom-doctor-copy")
        .send();
    judge("CopyObject", sent.await)
}

async fn multipart_copy(
    s3: &aws_sdk_s3::Client,
    from: &BucketName,
    to: &BucketName,
    key: &str,
) -> Attempt {
    const COPY: &str = "cloakroom-doctor-multipart-copy";
    let begun = s3.create_multipart_upload().bucket(to.as_str()).key(COPY);
    let upload = match begun.send().await {
        Ok(begun) => begun.upload_id,
        Err(error) => return Attempt::Unclear(describe("CreateMultipartUpload", &error).cause),
    };
    let sent = s3
        .upload_part_copy()
        .copy_source(format!("{from}/{key}"))
        .bucket(to.as_str())
        .key(COPY)
        .set_upload_id(upload)
        .part_number(1)
        .send();
    judge("UploadPartCopy", sent.await)
}

async fn change_policy(s3: &aws_sdk_s3::Client, bucket: &BucketName) -> Attempt {
    let everybody_reads = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:GetObject"],
            "Resource": [format!("arn:aws:s3:::{bucket}/*")],
        }],
    });
    let sent = s3
        .put_bucket_policy()
        .bucket(bucket.as_str())
        .policy(everybody_reads.to_string())
        .send();
    judge("PutBucketPolicy", sent.await)
}

/// Only 401 and 403 are a no; whatever else is not "done" proves nothing.
fn judge<T, E: ProvideErrorMetadata>(
    operation: &str,
    sent: Result<T, SdkError<E, HttpResponse>>,
) -> Attempt {
    match sent {
        Ok(_) => Attempt::Done,
        Err(error) => match status(&error) {
            Some(401 | 403) => Attempt::Refused,
            _ => Attempt::Unclear(describe(operation, &error).cause),
        },
    }
}
