mod access;
mod actions;
mod calls;
mod error_messages;
mod index;
mod internal_error;
mod listing;
mod object_key;

use std::io;
use std::path::Path;

use chrono::Utc;
use s3s::dto::{CopySource, ETag, HeadObjectInput};
use s3s::{S3, S3Request, S3Result, s3_error};
use s3s_fs::FileSystem;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::identities::Identity;
use index::{Entry, Index};
use internal_error::internal;

pub(super) use access::PolicyAccess;
pub(super) use error_messages::complete;

/// `s3s-fs` with an index in front of it.
///
/// An object's file is named by the SHA-256 of its key, so that no key is too long for a file
/// name, none leads out of its bucket, and `c/x` can stand beside `c`; the index knows which key
/// stands for which file. Uploads belong to a bucket and a key, and to the user who began them
/// where it was one, rather than to an access key: a refreshed session can finish what the one
/// before it began, and a rotated key what the old one did.
pub(super) struct ObjectStore {
    files: FileSystem,
    index: Index,
    /// Buckets are made and removed one at a time.
    buckets: Mutex<()>,
}

impl ObjectStore {
    pub(super) async fn open(directory: &Path) -> io::Result<Self> {
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
            buckets: Mutex::default(),
        })
    }

    async fn must_have_bucket(&self, bucket: &str) -> S3Result<()> {
        if self.index.has_bucket(bucket).await.map_err(internal)? {
            Ok(())
        } else {
            Err(s3_error!(NoSuchBucket))
        }
    }

    async fn must_have(&self, bucket: &str, key: &str) -> S3Result<()> {
        self.must_have_bucket(bucket).await?;
        if self.index.has(bucket, key).await.map_err(internal)? {
            Ok(())
        } else {
            Err(s3_error!(NoSuchKey))
        }
    }

    async fn must_be_upload<T>(
        &self,
        req: &S3Request<T>,
        (bucket, key, id): (&str, &str, &str),
    ) -> S3Result<()> {
        let owner = Identity::of(req)?.upload_owner();
        let found = self.index.is_upload(bucket, key, id, owner).await;
        if found.map_err(internal)? {
            Ok(())
        } else {
            Err(s3_error!(NoSuchUpload))
        }
    }

    /// Enters an object whose file has just been written.
    async fn enter(&self, bucket: &str, key: String, etag: Option<ETag>) -> S3Result<()> {
        let head = HeadObjectInput::builder()
            .bucket(bucket.to_owned())
            .key(file_name(&key))
            .build()
            .map_err(internal)?;
        let head = self.files.head_object(plain(head)).await?.output;
        let entry = Entry {
            key,
            size: head.content_length.unwrap_or_default(),
            etag: etag
                .or(head.e_tag)
                .map(ETag::into_value)
                .unwrap_or_default(),
            modified: now(),
        };
        self.index.put(bucket, &entry).await.map_err(internal)
    }

    /// The source of a copy, by the name of its file.
    async fn source(&self, source: CopySource) -> S3Result<CopySource> {
        let CopySource::Bucket {
            bucket,
            key,
            version_id,
        } = source
        else {
            return Err(s3_error!(NotImplemented));
        };
        self.must_have(&bucket, &key).await?;
        let key = file_name(&key).into();
        Ok(CopySource::Bucket {
            bucket,
            key,
            version_id,
        })
    }
}

fn file_name(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is a foreign system with a clock of its own"
)]
fn now() -> i64 {
    Utc::now().timestamp_millis()
}

/// A request of our own to the files.
fn plain<T>(input: T) -> S3Request<T> {
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
