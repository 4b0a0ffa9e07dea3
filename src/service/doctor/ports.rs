use async_trait::async_trait;
use chrono::TimeDelta;

use crate::domain::{Area, BucketName, Owner, Session};
use crate::service::UpstreamError;

/// The authorization server and the store, as far as they can be looked at without a token.
#[async_trait]
pub trait Upstreams: Send + Sync {
    /// Reads the metadata, as far as they are needed.
    async fn discovery(&self) -> Result<(), UpstreamError>;

    /// Reads the keys that sign tokens; nothing where signatures are not checked here.
    async fn keys(&self) -> Option<Result<(), UpstreamError>>;

    /// How far the authorization server's clock is ahead of the gateway's, if it says.
    async fn authorization_server_clock(&self) -> Result<Option<TimeDelta>, UpstreamError>;

    /// How far the store's clock is ahead, if it says.
    async fn store_clock(&self) -> Result<Option<TimeDelta>, UpstreamError>;
}

/// The buckets that examinations work in, through the gateway's own identity.
#[async_trait]
pub trait ThrowAwayBuckets: Send + Sync {
    /// The names of all buckets that the gateway's identity sees.
    async fn list(&self) -> Result<Vec<String>, UpstreamError>;

    /// Empties the bucket with a session that reaches it, where there is one, and removes it. One
    /// that is not there is removed.
    async fn remove(
        &self,
        bucket: &BucketName,
        session: Option<&Session>,
    ) -> Result<(), UpstreamError>;
}

/// Which part of which bucket the registry has given away. An examination only reads it.
#[async_trait]
pub trait RegisteredAreas: Send + Sync {
    /// The area of every organisation and workspace, of deleted ones too; none without a registry.
    ///
    /// # Errors
    ///
    /// Why there is a registry and it cannot be read.
    async fn all(&self) -> Result<Vec<(Owner, Area)>, String>;
}

/// Does what a session allows, and tries what it must not.
#[async_trait]
pub trait Attacker: Send + Sync {
    /// How the store answers; without a session, to a stranger.
    async fn attempt(&self, session: Option<&Session>, operation: S3Operation<'_>) -> Attempt;
}

/// An object's bucket and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'a> {
    /// The bucket.
    pub bucket: &'a BucketName,
    /// The key.
    pub key: &'a str,
}

/// A listing of a bucket, with the ways in which a store may be told one prefix and list another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing<'a> {
    /// The bucket.
    pub bucket: &'a BucketName,
    /// Which call.
    pub call: ListCall,
    /// Parameters of the query, in this order; their values need no escaping.
    pub query: &'a [(&'a str, &'a str)],
    /// A request header `Prefix`.
    pub header: Option<&'a str>,
    /// The listing succeeds when it shows a name that begins so.
    pub shows: &'a str,
}

/// What lists keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListCall {
    /// `ListObjectsV2`
    Objects,
    /// `ListObjects`
    ObjectsV1,
    /// `ListObjectVersions`
    Versions,
    /// `ListMultipartUploads`
    Uploads,
}

/// What is done, or tried.
#[derive(Clone, Copy, Debug)]
pub enum S3Operation<'a> {
    /// `PutObject`
    Put(Object<'a>),
    /// `GetObject`
    Get(Object<'a>),
    /// A listing.
    List(Listing<'a>),
    /// `DeleteObject`
    Delete(Object<'a>),
    /// `DeleteObjects` of one.
    DeleteBatch(Object<'a>),
    /// `CopyObject` from one place to another.
    Copy(Object<'a>, Object<'a>),
    /// `UploadPartCopy` from one place into an upload to another.
    MultipartCopy(Object<'a>, Object<'a>),
    /// `CreateMultipartUpload`, `UploadPart` and `CompleteMultipartUpload`.
    Upload(Object<'a>),
    /// `CreateMultipartUpload`
    BeginUpload(Object<'a>),
    /// `UploadPart` into an upload that this other session has begun.
    UploadPart(Object<'a>, &'a Session),
    /// `PutObjectTagging`
    Tag(Object<'a>),
    /// `PutObjectAcl` with `public-read`.
    ChangeAcl(Object<'a>),
    /// `PutObject` with the ACL `public-read`.
    Publish(Object<'a>),
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
    /// The store listed, but nothing that was looked for.
    ShowedNothing,
    /// The store refused: 401 or 403.
    Refused,
    /// The store refused because it reads the request otherwise than it was signed, and did not ask
    /// any policy.
    Misread,
    /// Anything else, which proves nothing.
    Unclear(String),
    /// This engine has nothing of the kind.
    Impossible(&'static str),
}

impl<'a> Listing<'a> {
    /// An ordinary one, of what begins with `shows`.
    #[must_use]
    pub fn of(bucket: &'a BucketName, shows: &'a str) -> Self {
        Self {
            bucket,
            call: ListCall::Objects,
            query: &[],
            header: None,
            shows,
        }
    }
}
