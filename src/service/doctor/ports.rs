use async_trait::async_trait;
use chrono::TimeDelta;

use crate::domain::{BucketName, Session};
use crate::service::UpstreamFailure;

/// The authorization server and the store, as far as they can be looked at without a token.
#[async_trait]
pub trait Upstreams: Send + Sync {
    /// Reads the metadata, as far as they are needed.
    async fn discovery(&self) -> Result<(), UpstreamFailure>;

    /// Reads the keys that sign tokens; nothing where signatures are not checked here.
    async fn keys(&self) -> Option<Result<(), UpstreamFailure>>;

    /// How far the authorization server's clock is ahead of the gateway's, if it says.
    async fn authorization_server_clock(&self) -> Result<Option<TimeDelta>, UpstreamFailure>;

    /// How far the store's clock is ahead, if it says.
    async fn store_clock(&self) -> Result<Option<TimeDelta>, UpstreamFailure>;
}

/// The buckets that examinations work in, through the gateway's own identity.
#[async_trait]
pub trait ThrowAwayBuckets: Send + Sync {
    /// The names of all buckets that the gateway's identity sees.
    async fn list(&self) -> Result<Vec<String>, UpstreamFailure>;

    /// Empties the bucket with a session that reaches it, where there is one, and removes it. One
    /// that is not there is removed.
    async fn remove(
        &self,
        bucket: &BucketName,
        session: Option<&Session>,
    ) -> Result<(), UpstreamFailure>;
}

/// Does what a session allows, and tries what it must not.
#[async_trait]
pub trait Intruder: Send + Sync {
    /// How the store answers; without a session, to a stranger.
    async fn attempt(&self, session: Option<&Session>, deed: Deed<'_>) -> Attempt;
}

/// What is done, or tried.
#[derive(Clone, Copy, Debug)]
pub enum Deed<'a> {
    /// `PutObject`
    Put(&'a BucketName, &'a str),
    /// `GetObject`
    Get(&'a BucketName, &'a str),
    /// `ListObjectsV2`
    List(&'a BucketName),
    /// `DeleteObject`
    Delete(&'a BucketName, &'a str),
    /// `CopyObject` from one bucket into another.
    Copy(&'a BucketName, &'a BucketName, &'a str),
    /// `UploadPartCopy` from one bucket into an upload in another.
    MultipartCopy(&'a BucketName, &'a BucketName, &'a str),
    /// `PutObject` with the ACL `public-read`.
    Publish(&'a BucketName, &'a str),
    /// `PutBucketPolicy` that lets everybody read.
    ChangePolicy(&'a BucketName),
    /// `DeleteBucket`
    DeleteBucket(&'a BucketName),
    /// `CreateBucket`
    CreateBucket(&'a BucketName),
    /// `AssumeRole` without a policy.
    AssumeRole,
    /// `MinIO`'s `add-service-account` without a policy (CVE-2025-62506).
    MakeServiceAccount,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The store did it.
    Done,
    /// The store refused: 401 or 403.
    Refused,
    /// Anything else, which proves nothing.
    Unclear(String),
    /// This engine has nothing of the kind.
    Impossible(&'static str),
}
