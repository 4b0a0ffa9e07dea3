//! Multipart uploads, by their bucket, key and owner.

use s3s::dto::{
    AbortMultipartUploadInput, CompleteMultipartUploadInput, ListPartsInput, UploadPartCopyInput,
    UploadPartInput,
};
use s3s::{S3Request, S3Result, s3_error};

use super::object_store::{ObjectStore, file_name};
use crate::embedded::storage::identities::Identity;

/// The input of a call that continues an upload.
pub(super) trait UploadInput {
    /// The bucket, the key and the id of the upload.
    fn upload(&mut self) -> (&str, &mut String, &str);
}

macro_rules! upload_inputs {
    ($($input:ty),+ $(,)?) => {$(
        impl UploadInput for $input {
            fn upload(&mut self) -> (&str, &mut String, &str) {
                (&self.bucket, &mut self.key, &self.upload_id)
            }
        }
    )+};
}

upload_inputs!(
    UploadPartInput,
    UploadPartCopyInput,
    ListPartsInput,
    CompleteMultipartUploadInput,
    AbortMultipartUploadInput,
);

impl ObjectStore {
    /// Checks that the caller may continue the upload, replaces the object key with the name of its
    /// file, and returns the key. Also removes the credentials, because `s3s-fs` would bind the
    /// upload to them.
    pub(super) async fn locate_upload<T: UploadInput>(
        &self,
        req: &mut S3Request<T>,
    ) -> S3Result<String> {
        let owner = Identity::of(&req.extensions)?.upload_owner();
        let (bucket, key, id) = req.input.upload();
        if !self.index.has_upload(bucket, key, id, owner).await? {
            return Err(s3_error!(NoSuchUpload));
        }
        let file = file_name(key);
        req.credentials = None;
        Ok(std::mem::replace(key, file))
    }
}
