use async_trait::async_trait;
use chrono::TimeDelta;

use crate::domain::{Area, BucketName, Owner, Session};
use crate::service::UpstreamError;

/// Reads what the authorization server and the store say without a token.
#[async_trait]
pub trait Upstreams: Send + Sync {
    /// Reads the authorization server's metadata.
    async fn discovery(&self) -> Result<(), UpstreamError>;

    /// Reads the keys that sign tokens; `None` if signatures are not checked here.
    async fn keys(&self) -> Option<Result<(), UpstreamError>>;

    /// Reads the keys of every issuer of `issuers.*`, named by its section of the configuration.
    async fn issuer_keys(&self) -> Vec<(String, Result<(), UpstreamError>)>;

    /// How far the authorization server's clock is ahead of the gateway's, if its answers tell.
    async fn authorization_server_clock(&self) -> Result<Option<TimeDelta>, UpstreamError>;

    /// How far the store's clock is ahead, if its answers tell.
    async fn store_clock(&self) -> Result<Option<TimeDelta>, UpstreamError>;
}

/// Lists and removes the buckets that examinations work in, with the gateway's own identity.
#[async_trait]
pub trait ThrowAwayBuckets: Send + Sync {
    /// The names of all buckets that the gateway's identity sees.
    async fn list(&self) -> Result<Vec<String>, UpstreamError>;

    /// Empties the bucket with a session that reaches it, if there is one, and removes it. It is no error
    /// if the bucket is gone.
    async fn remove(
        &self,
        bucket: &BucketName,
        session: Option<&Session>,
    ) -> Result<(), UpstreamError>;
}

/// Reads the areas in the registry.
#[async_trait]
pub trait RegisteredAreas: Send + Sync {
    /// The area of every organisation and workspace, deleted ones included; none without a registry.
    ///
    /// # Errors
    ///
    /// Why the registry cannot be read.
    async fn all(&self) -> Result<Vec<(Owner, Area)>, String>;
}

/// Does what a session allows, and tries what it must not allow.
#[async_trait]
pub trait Attacker: Send + Sync {
    /// The store's answer to the operation, unsigned if there is no session.
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

/// A listing of a bucket, with the ways in which a store may check one prefix and list another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing<'a> {
    /// The bucket.
    pub bucket: &'a BucketName,
    /// Which call.
    pub call: ListCall,
    /// The query parameters, in this order. Their values need no escaping.
    pub query: &'a [(&'a str, &'a str)],
    /// A request header `Prefix`.
    pub header: Option<&'a str>,
    /// The listing succeeds if it shows a name that begins with this.
    pub shows: &'a str,
}

/// A call that lists keys.
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

/// An operation at the store, allowed or not.
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
    /// [`Self::Upload`] with the ACL `public-read`.
    PublishInParts(Object<'a>),
    /// `PutBucketPolicy` with a policy that lets everyone read.
    ChangePolicy(&'a BucketName),
    /// `DeleteBucket`
    DeleteBucket(&'a BucketName),
    /// `CreateBucket`
    CreateBucket(&'a BucketName),
    /// `AssumeRole` without a policy.
    AssumeRole,
    /// `MinIO`'s `add-service-account` without a policy (CVE-2025-62506), or IAM's `CreateAccessKey` where
    /// the store answers it beside S3.
    MintLastingCredentials,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The store did it.
    Done,
    /// The store listed, but did not show what was looked for.
    ShowedNothing,
    /// The store refused: 401 or 403.
    Refused,
    /// The store interprets the request differently from how it was signed, and refused it without
    /// asking a policy.
    Misread,
    /// Anything else, which proves nothing.
    Unclear(String),
    /// This engine has no such operation.
    Impossible(&'static str),
}

impl<'a> Listing<'a> {
    /// An ordinary listing that must show a name that begins with `shows`.
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
