use std::io;
use std::path::Path;
use std::sync::Arc;

use s3s::dto::{CopySource, ETag, HeadObjectInput};
use s3s::{S3, S3Request, S3Result, s3_error};
use s3s_fs::FileSystem;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::sync::Mutex;

use super::cors::Cors;
use super::index::{Entry, Index};
use crate::embedded::storage::bucket_policies::BucketPolicies;

/// `s3s-fs` with an index in front of it.
///
/// The file of an object is named by the SHA-256 of the object key, so no key is too long for a
/// file name, none leads out of its bucket, and `c/x` can exist beside `c`. The index knows which
/// key has which file.
///
/// An upload belongs to a bucket and a key, and to the IAM user who began it, if one did. It does
/// not belong to an access key: a new session can finish what an earlier one began, and a rotated
/// access key what the old one did.
pub(crate) struct ObjectStore {
    pub(super) files: FileSystem,
    pub(super) index: Index,
    pub(super) policies: Arc<BucketPolicies>,
    /// Held while a bucket is created or removed: one at a time.
    pub(super) buckets: Mutex<()>,
}

impl ObjectStore {
    pub(crate) async fn open(directory: &Path, policies: Arc<BucketPolicies>) -> io::Result<Self> {
        let objects = directory.join("objects");
        tokio::fs::create_dir_all(&objects).await?;
        let files =
            FileSystem::new(&objects).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let index = Index::open(&directory.join("index.db"))
            .await
            .map_err(io::Error::other)?;
        Ok(Self {
            files,
            index,
            policies,
            buckets: Mutex::default(),
        })
    }

    /// What answers the browsers of web pages by the rules of the buckets.
    pub(crate) fn cors(&self) -> Cors {
        Cors(self.index.clone())
    }

    pub(super) async fn require_bucket(&self, bucket: &str) -> S3Result<()> {
        if self.index.has_bucket(bucket).await? {
            Ok(())
        } else {
            Err(s3_error!(NoSuchBucket))
        }
    }

    /// The name of the file of an existing object.
    pub(super) async fn object_file(&self, bucket: &str, key: &str) -> S3Result<String> {
        self.require_bucket(bucket).await?;
        if self.index.has_object(bucket, key).await? {
            Ok(file_name(key))
        } else {
            Err(s3_error!(NoSuchKey))
        }
    }

    /// Adds an object to the index after its file has been written.
    pub(super) async fn add_object(
        &self,
        bucket: String,
        key: String,
        etag: Option<ETag>,
    ) -> S3Result<()> {
        let head = HeadObjectInput {
            bucket: bucket.clone(),
            key: file_name(&key),
            ..Default::default()
        };
        let head = self.files.head_object(request(head)).await?.output;
        let etag = etag.or(head.e_tag).map(ETag::into_value);
        let modified = OffsetDateTime::from(head.last_modified.unwrap_or_default());
        let entry = Entry {
            key,
            size: head.content_length.unwrap_or_default(),
            etag: etag.unwrap_or_default(),
            modified: modified.unix_timestamp() * 1000 + i64::from(modified.millisecond()),
        };
        self.index.put_object(&bucket, &entry).await
    }

    /// Replaces the key of a copy's source with the name of its file.
    pub(super) async fn locate_source(&self, source: &mut CopySource) -> S3Result<()> {
        let CopySource::Bucket { bucket, key, .. } = source else {
            return Err(s3_error!(NotImplemented));
        };
        *key = self.object_file(bucket, key).await?.into();
        Ok(())
    }
}

pub(super) fn file_name(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

/// A request from the store itself to its files.
fn request<T>(input: T) -> S3Request<T> {
    S3Request {
        input,
        method: hyper::Method::HEAD,
        uri: hyper::Uri::default(),
        headers: hyper::HeaderMap::new(),
        extensions: hyper::http::Extensions::new(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}
