use std::fmt;
use std::ops::AddAssign;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{Area, BucketName, Prefix};
use crate::service::UpstreamError;

/// Everything that a bucket holds: versions, delete markers and unfinished uploads. It is read and deleted
/// with the gateway's own identity. A bucket that does not exist holds nothing.
#[async_trait]
pub trait Contents: Send + Sync {
    /// A page of versions and delete markers, those after the mark.
    async fn versions(
        &self,
        place: &Place,
        after: Option<&Mark>,
    ) -> Result<Page<StoredVersion>, UpstreamError>;

    /// A page of unfinished uploads, those after the mark.
    async fn uploads(
        &self,
        place: &Place,
        after: Option<&Mark>,
    ) -> Result<Page<Upload>, UpstreamError>;

    /// Deletes versions and markers, and returns what the store keeps. What is gone already is no error.
    async fn delete(
        &self,
        bucket: &BucketName,
        versions: &[StoredVersion],
        governance: Governance,
    ) -> Result<Vec<Kept>, UpstreamError>;

    /// Ends an upload and deletes its parts.
    async fn abort(&self, bucket: &BucketName, upload: &Upload) -> Result<(), UpstreamError>;

    /// Deletes an empty bucket.
    async fn remove_bucket(&self, bucket: &BucketName) -> Result<Removal, UpstreamError>;
}

/// A bucket, or the part of it below a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: BucketName,
    /// The prefix, if it is not the whole bucket.
    pub prefix: Option<Prefix>,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<Item> {
    /// The items.
    pub items: Vec<Item>,
    /// Where the next page begins; there is none without it.
    pub next: Option<Mark>,
}

/// A position in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The key of the last item.
    pub key: String,
    /// The version or upload of the last item, if the list has several of a key.
    pub id: Option<String>,
}

/// A version of an object, or a delete marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVersion {
    /// The object's key.
    pub key: String,
    /// The version; none where the store knows no versions.
    pub version_id: Option<String>,
    /// The size in bytes.
    pub bytes: u64,
    /// Whether it marks the object as deleted.
    pub is_marker: bool,
    /// Whether it is the object's newest.
    pub is_latest: bool,
}

/// An unfinished upload in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The object's key.
    pub key: String,
    /// The upload.
    pub id: String,
}

/// What to do about governance locks, which an identity with the right may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Governance {
    /// Leave locked versions.
    Respect,
    /// Delete locked versions, too.
    Bypass,
}

/// A version that the store did not delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The object's key.
    pub key: String,
    /// The version.
    pub version_id: Option<String>,
    /// Why.
    pub why: KeptBecause,
}

/// Why a store keeps a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptBecause {
    /// A governance lock, until then.
    Governance(DateTime<Utc>),
    /// A compliance lock, until then; no one can pass it.
    Compliance(DateTime<Utc>),
    /// A legal hold, until someone lifts it.
    LegalHold,
    /// Another reason: the store's error code.
    Refused(String),
    /// The store failed at this version, with this error code: it may delete it later.
    Failed(String),
}

/// The outcome of removing a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Gone,
    /// It holds something.
    NotEmpty,
}

/// How much there is, or was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Objects that can be read. Not counted where it is about what was deleted.
    pub objects: u64,
    /// Versions of objects.
    pub versions: u64,
    /// Delete markers.
    pub delete_markers: u64,
    /// Unfinished uploads.
    pub uploads: u64,
    /// Bytes of the versions.
    pub bytes: u64,
}

impl Place {
    /// Whether the key is in it.
    #[must_use]
    pub fn holds(&self, key: &str) -> bool {
        let prefix = self.prefix.as_ref().map_or("", |prefix| prefix.as_str());
        key.starts_with(prefix)
    }
}

impl From<BucketName> for Place {
    fn from(bucket: BucketName) -> Self {
        Self {
            bucket,
            prefix: None,
        }
    }
}

impl From<Area> for Place {
    fn from(area: Area) -> Self {
        Self {
            bucket: area.bucket,
            prefix: Some(area.prefix),
        }
    }
}

impl Tally {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Counts a version or marker.
    pub fn add(&mut self, version: &StoredVersion) {
        if version.is_marker {
            self.delete_markers += 1;
        } else {
            self.versions += 1;
            self.objects += u64::from(version.is_latest);
            self.bytes += version.bytes;
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.objects += other.objects;
        self.versions += other.versions;
        self.delete_markers += other.delete_markers;
        self.uploads += other.uploads;
        self.bytes += other.bytes;
    }
}

impl fmt::Display for Place {
    /// As S3 tools write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.prefix.as_ref().map_or("", |prefix| prefix.as_str());
        write!(f, "s3://{}/{prefix}", self.bucket)
    }
}

impl fmt::Display for KeptBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |time: &DateTime<Utc>| time.format("%Y-%m-%dT%H:%M:%SZ");
        match self {
            Self::Governance(until) => write!(f, "governance lock until {}", day(until)),
            Self::Compliance(until) => write!(f, "compliance lock until {}", day(until)),
            Self::LegalHold => f.write_str("legal hold"),
            Self::Refused(code) => write!(f, "the store refuses: {code}"),
            Self::Failed(code) => write!(f, "the store fails: {code}"),
        }
    }
}
