//! Ends sessions at the store before they expire.

mod minio;
mod policy_document;

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::Value;

use crate::domain::{BeforeName, BucketName, Grant, RevocationStatement, Session};
use crate::service::{
    RefusedSessions, Revoker, Told, Tried, UpstreamError, UpstreamErrorKind, WhichSessions,
};

use super::failure::{code, describe, status};
use super::quirks::Revocation;
use super::{AuthoritiesError, AwsClients};
use minio::MinioTokens;
use policy_document::{Left, with_statement, without_statement};

/// Stores tell the time in whole seconds, so a session issued a second later than the store's time is
/// surely a new one.
const CLOCK_STEP: TimeDelta = TimeDelta::seconds(1);

/// As long as [`CLOCK_STEP`], and a little more.
const PAUSE: Duration = Duration::from_millis(1_200);

/// The pause where sessions are told apart by the milliseconds in their names.
const PAUSE_OF_NAMES: Duration = Duration::from_millis(5);

const NO_POLICY: &str = "the store has no bucket policies";

/// The codes of stores that know no bucket policies, or not this one.
const NOT_SUPPORTED: [&str; 4] = [
    "NotImplemented",
    "MethodNotAllowed",
    "MalformedPolicy",
    "XMinioMalformedPolicy",
];

/// Ends sessions at the store, by the means of its engine.
pub struct StoreRevoker {
    clients: AwsClients,
    minio: Option<MinioTokens>,
}

impl StoreRevoker {
    /// Uses these clients' connections and the gateway's own identity.
    ///
    /// # Errors
    ///
    /// [`AuthoritiesError`] if the certificate authorities are unusable.
    pub fn new(clients: &AwsClients) -> Result<Self, AuthoritiesError> {
        let is_minio = clients.settings.engine.revocation() == Revocation::TokenType;
        let has_identity = clients.settings.identity.is_some();
        let minio = (is_minio && has_identity).then(|| MinioTokens::new(clients));
        Ok(Self {
            clients: clients.clone(),
            minio: minio.transpose()?,
        })
    }

    async fn statement(
        &self,
        refused: &RefusedSessions,
    ) -> Result<Option<RevocationStatement>, UpstreamError> {
        let RefusedSessions {
            id, owner, bucket, ..
        } = refused;
        Ok(match &refused.which {
            WhichSessions::Named(names) => {
                let before_name = match self.clients.settings.engine.revocation() {
                    Revocation::SessionName => BeforeName::Nothing,
                    Revocation::IssueTime | Revocation::TokenType => BeforeName::RoleId,
                };
                Some(RevocationStatement::named(id, bucket, before_name, names))
            }
            WhichSessions::Before(before) => match self.clients.settings.engine.revocation() {
                Revocation::SessionName => Some(RevocationStatement::asked_before(
                    id, bucket, owner, *before,
                )),
                Revocation::IssueTime => self.clients.date().await?.map(|now| {
                    RevocationStatement::issued_before(id, bucket, owner, now + CLOCK_STEP)
                }),
                Revocation::TokenType => None,
            },
        })
    }

    /// The bucket's policy, if it has one. `Err` inside if the store knows no policies.
    async fn policy(&self, bucket: &BucketName) -> Result<Result<Value, ()>, UpstreamError> {
        let s3 = self.clients.s3_reading();
        let sent = s3.get_bucket_policy().bucket(bucket.as_str()).send().await;
        match sent {
            Ok(answer) => {
                let document = serde_json::from_str(answer.policy().unwrap_or_default());
                let nonsense = |_| {
                    let cause = "GetBucketPolicy: the policy is not JSON";
                    UpstreamError::new(UpstreamErrorKind::Nonsense, cause)
                };
                document.map(Ok).map_err(nonsense)
            }
            Err(error) if matches!(code(&error), Some("NoSuchBucketPolicy" | "NoSuchBucket")) => {
                Ok(Ok(Value::Null))
            }
            Err(error) if is_unsupported(status(&error), code(&error)) => Ok(Err(())),
            Err(error) => Err(describe("GetBucketPolicy", &error)),
        }
    }

    /// Returns whether the store knows such policies.
    async fn set_policy(
        &self,
        bucket: &BucketName,
        policy: Option<Value>,
    ) -> Result<bool, UpstreamError> {
        let s3 = self.clients.s3_writing();
        let Some(policy) = policy else {
            let sent = s3.delete_bucket_policy().bucket(bucket.as_str()).send();
            let sent = sent.await;
            return sent
                .map(|_| true)
                .map_err(|error| describe("DeleteBucketPolicy", &error));
        };
        let put = s3.put_bucket_policy().bucket(bucket.as_str());
        match put.policy(policy.to_string()).send().await {
            Ok(_) => Ok(true),
            Err(error) if is_unsupported(status(&error), code(&error)) => Ok(false),
            Err(error) => Err(describe("PutBucketPolicy", &error)),
        }
    }
}

#[async_trait]
impl Revoker for StoreRevoker {
    async fn refuse(&self, refused: &RefusedSessions) -> Result<Told, UpstreamError> {
        if let Some(minio) = &self.minio {
            return minio.revoke(&refused.owner).await;
        }
        let Some(statement) = self.statement(refused).await? else {
            return Ok(Told::No("the store does not tell the time"));
        };
        let Ok(policy) = self.policy(&refused.bucket).await? else {
            return Ok(Told::No(NO_POLICY));
        };
        let policy = with_statement(policy, &refused.id, statement.as_json());
        if !self.set_policy(&refused.bucket, Some(policy)).await? {
            return Ok(Told::No(NO_POLICY));
        }
        let is_by_time = matches!(refused.which, WhichSessions::Before(_))
            && self.clients.settings.engine.revocation() == Revocation::IssueTime;
        Ok(Told::Yes {
            pause: if is_by_time { PAUSE } else { PAUSE_OF_NAMES },
            all: false,
        })
    }

    fn ends_marked_only(&self) -> bool {
        self.minio.is_some()
    }

    async fn take_back(&self, bucket: &BucketName, id: &str) -> Result<(), UpstreamError> {
        if self.minio.is_some() {
            return Ok(());
        }
        let Ok(policy) = self.policy(bucket).await? else {
            return Ok(());
        };
        let left = match without_statement(policy, id) {
            Left::All => return Ok(()),
            Left::Nothing => None,
            Left::Policy(policy) => Some(policy),
        };
        self.set_policy(bucket, left).await?;
        Ok(())
    }

    async fn try_session(&self, session: &Session, grant: &Grant) -> Result<Tried, UpstreamError> {
        let s3 = self.clients.s3_anew_as(session);
        let listed = s3
            .list_objects_v2()
            .bucket(grant.bucket.as_str())
            .set_prefix(grant.prefix.as_ref().map(ToString::to_string))
            .max_keys(1)
            .send();
        match listed.await {
            Ok(_) => Ok(Tried::Taken),
            Err(error) if code(&error) == Some("NoSuchBucket") => Ok(Tried::NoBucket),
            Err(error) if matches!(status(&error), Some(401 | 403)) => Ok(Tried::Refused),
            Err(error) => Err(describe("ListObjectsV2", &error)),
        }
    }
}

fn is_unsupported(status: Option<u16>, code: Option<&str>) -> bool {
    status == Some(501) || code.is_some_and(|code| NOT_SUPPORTED.contains(&code))
}
