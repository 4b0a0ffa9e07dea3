//! The operations that `cloakroom doctor` tries; the store must refuse most of them.

mod listing;
mod minio_service_account;
mod objects;
mod throw_away;

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::ObjectCannedAcl;
use serde_json::json;

use crate::adapters::plain_http;
use crate::domain::{BucketName, Session};
use crate::service::doctor::{Attacker, Attempt, Object, S3Operation};

use crate::adapters::aws::client::credentials;
use crate::adapters::aws::failure::{code, describe, status};
pub use throw_away::S3ThrowAway;

use self::minio_service_account::MinioAdmin;
use crate::adapters::aws::sts::ANY_ROLE;
use crate::adapters::aws::{AuthoritiesError, AwsClients};
use listing::list;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Tries operations over S3 with a session, or without credentials.
pub struct S3Attacker {
    clients: AwsClients,
    minio: Option<MinioAdmin>,
    anonymous: reqwest::Client,
}

impl S3Attacker {
    /// Uses these clients' connections, never the gateway's own key pair.
    ///
    /// # Errors
    ///
    /// [`AuthoritiesError`] if the certificate authorities are unusable.
    pub fn new(clients: &AwsClients) -> Result<Self, AuthoritiesError> {
        let settings = &clients.settings;
        let authorities = settings.ca_bundle.borrow().clone();
        let anonymous = plain_http(authorities.as_deref()).map_err(AuthoritiesError::from)?;
        let minio = settings
            .endpoint
            .as_ref()
            .filter(|_| settings.engine.has_minio_admin_api())
            .map(|endpoint| MinioAdmin::new(endpoint, &settings.region, anonymous.clone()));
        Ok(Self {
            clients: clients.clone(),
            minio,
            anonymous,
        })
    }

    /// Reads without a signature. Not by the SDK, which might find credentials in the environment.
    async fn get_anonymously(&self, Object { bucket, key }: Object<'_>) -> Attempt {
        let settings = &self.clients.settings;
        let url = match &settings.endpoint {
            Some(endpoint) => format!("{endpoint}/{bucket}/{key}"),
            None => format!(
                "https://{bucket}.s3.{}.amazonaws.com/{key}",
                settings.region
            ),
        };
        match self.anonymous.get(url).timeout(TIMEOUT).send().await {
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
        outcome("AssumeRole", Box::pin(sent).await)
    }

    async fn mint_lasting_credentials(&self, session: &Session) -> Attempt {
        if let Some(minio) = &self.minio {
            return minio.create_service_account(session).await;
        }
        if !self.clients.settings.engine.lets_users_make_key_pairs() {
            return Attempt::Impossible("storage.flavor is neither minio nor seaweedfs");
        }
        let config = self.clients.iam.config().to_builder();
        let config = config.credentials_provider(credentials(session)).build();
        let sent = aws_sdk_iam::Client::from_conf(config).create_access_key();
        outcome("CreateAccessKey", sent.send().await)
    }
}

#[async_trait]
impl Attacker for S3Attacker {
    async fn attempt(&self, session: Option<&Session>, operation: S3Operation<'_>) -> Attempt {
        let Some(session) = session else {
            return match operation {
                S3Operation::Get(object) => self.get_anonymously(object).await,
                _ => Attempt::Impossible("without credentials, only reading is tried"),
            };
        };
        let s3 = self.clients.s3_as(session);
        match operation {
            S3Operation::Put(object) => objects::put(&s3, object, None).await,
            S3Operation::Publish(object) => {
                objects::put(&s3, object, Some(ObjectCannedAcl::PublicRead)).await
            }
            S3Operation::PublishInParts(object) => {
                objects::upload(&s3, object, Some(ObjectCannedAcl::PublicRead)).await
            }
            S3Operation::Get(object) => objects::get(&s3, object).await,
            S3Operation::List(listing) => list(&s3, listing).await,
            S3Operation::Delete(object) => objects::delete(&s3, object).await,
            S3Operation::DeleteBatch(object) => objects::delete_batch(&s3, object).await,
            S3Operation::Copy(from, to) => objects::copy(&s3, from, to).await,
            S3Operation::MultipartCopy(from, to) => objects::multipart_copy(&s3, from, to).await,
            S3Operation::Upload(object) => objects::upload(&s3, object, None).await,
            S3Operation::BeginUpload(object) => match objects::begin(&s3, object, None).await {
                Ok(_) => Attempt::Done,
                Err(attempt) => attempt,
            },
            S3Operation::UploadPart(object, owner) => {
                let owner = self.clients.s3_as(owner);
                objects::upload_part(&s3, object, &owner).await
            }
            S3Operation::Tag(object) => objects::tag(&s3, object).await,
            S3Operation::ChangeAcl(object) => objects::change_acl(&s3, object).await,
            S3Operation::ChangePolicy(bucket) => change_policy(&s3, bucket).await,
            S3Operation::DeleteBucket(bucket) => {
                let sent = s3.delete_bucket().bucket(bucket.as_str()).send();
                outcome("DeleteBucket", sent.await)
            }
            S3Operation::CreateBucket(bucket) => {
                let sent = s3.create_bucket().bucket(bucket.as_str()).send();
                outcome("CreateBucket", sent.await)
            }
            S3Operation::AssumeRole => self.assume_role(session).await,
            S3Operation::MintLastingCredentials => self.mint_lasting_credentials(session).await,
        }
    }
}

async fn change_policy(s3: &aws_sdk_s3::Client, bucket: &BucketName) -> Attempt {
    let public_read = json!({
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
        .policy(public_read.to_string())
        .send();
    outcome("PutBucketPolicy", sent.await)
}

/// The outcome of an operation.
fn outcome<T, E: ProvideErrorMetadata>(
    operation: &str,
    sent: Result<T, SdkError<E, HttpResponse>>,
) -> Attempt {
    match sent {
        Ok(_) => Attempt::Done,
        Err(error) => error_outcome(operation, &error),
    }
}

/// The outcome of an operation that failed: only 401 and 403 are a refusal, other errors prove nothing.
fn error_outcome<E: ProvideErrorMetadata>(
    operation: &str,
    error: &SdkError<E, HttpResponse>,
) -> Attempt {
    match status(error) {
        Some(403) if code(error) == Some("SignatureDoesNotMatch") => Attempt::Misread,
        Some(401 | 403) => Attempt::Refused,
        _ => Attempt::Unclear(describe(operation, error).cause),
    }
}
