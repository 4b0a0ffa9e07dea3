//! What S3 clients call.

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateBucketInput,
    CreateBucketOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteBucketInput,
    DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, DeletedObject, GetBucketLocationInput, GetBucketLocationOutput,
    GetBucketTaggingInput, GetBucketTaggingOutput, GetObjectInput, GetObjectOutput,
    HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput,
    ListBucketsOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectsInput,
    ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput, ListPartsOutput,
    PutBucketTaggingInput, PutBucketTaggingOutput, PutObjectInput, PutObjectOutput, StreamingBlob,
    Tag, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::index::Upload;
use super::internal_error::internal;
use super::listing::{list_multipart_uploads, list_objects, list_objects_v2};
use super::object_key::check_object_key;
use super::{ObjectStore, file_name, now};
use crate::embedded::storage::identities::Identity;

#[async_trait::async_trait]
impl S3 for ObjectStore {
    async fn create_bucket(
        &self,
        req: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let _turn = self.buckets.lock().await;
        let bucket = req.input.bucket.clone();
        if self.index.has_bucket(&bucket).await.map_err(internal)? {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        // A folder without an entry in the index is what a crash left: take it over.
        match self.files.create_bucket(req).await {
            Err(error) if *error.code() != s3s::S3ErrorCode::BucketAlreadyExists => {
                return Err(error);
            }
            _ => {}
        }
        self.index.add_bucket(&bucket).await.map_err(internal)?;
        let location = Some(format!("/{bucket}"));
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn delete_bucket(
        &self,
        req: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        let _turn = self.buckets.lock().await;
        self.must_have_bucket(&req.input.bucket).await?;
        if !self
            .index
            .remove_bucket(&req.input.bucket)
            .await
            .map_err(internal)?
        {
            return Err(s3_error!(BucketNotEmpty));
        }
        self.index
            .set_tags(&req.input.bucket, &[])
            .await
            .map_err(internal)?;
        self.files.delete_bucket(req).await
    }

    async fn head_bucket(
        &self,
        req: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.must_have_bucket(&req.input.bucket).await?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.must_have_bucket(&req.input.bucket).await?;
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn list_buckets(
        &self,
        req: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        self.files.list_buckets(req).await
    }

    async fn put_bucket_tagging(
        &self,
        req: S3Request<PutBucketTaggingInput>,
    ) -> S3Result<S3Response<PutBucketTaggingOutput>> {
        self.must_have_bucket(&req.input.bucket).await?;
        let tags = req
            .input
            .tagging
            .tag_set
            .into_iter()
            .map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
        let tags: Vec<(String, String)> = tags.collect();
        self.index
            .set_tags(&req.input.bucket, &tags)
            .await
            .map_err(internal)?;
        Ok(S3Response::new(PutBucketTaggingOutput::default()))
    }

    async fn get_bucket_tagging(
        &self,
        req: S3Request<GetBucketTaggingInput>,
    ) -> S3Result<S3Response<GetBucketTaggingOutput>> {
        self.must_have_bucket(&req.input.bucket).await?;
        let tags = self.index.tags(&req.input.bucket).await.map_err(internal)?;
        if tags.is_empty() {
            return Err(s3_error!(NoSuchTagSet));
        }
        let tags = tags.into_iter().map(|(key, value)| Tag {
            key: Some(key),
            value: Some(value),
        });
        Ok(S3Response::new(GetBucketTaggingOutput {
            tag_set: tags.collect(),
        }))
    }

    async fn put_object(
        &self,
        mut req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        check_object_key(&req.input.key)?;
        let (bucket, key) = (req.input.bucket.clone(), req.input.key.clone());
        self.must_have_bucket(&bucket).await?;
        req.input.key = file_name(&key);
        // No body at all is an empty object.
        req.input
            .body
            .get_or_insert_with(|| StreamingBlob::from(s3s::Body::empty()));
        let answer = self.files.put_object(req).await?;
        self.enter(&bucket, key, answer.output.e_tag.clone())
            .await?;
        Ok(answer)
    }

    async fn get_object(
        &self,
        mut req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        self.must_have(&req.input.bucket, &req.input.key).await?;
        req.input.key = file_name(&req.input.key);
        self.files.get_object(req).await
    }

    async fn head_object(
        &self,
        mut req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.must_have(&req.input.bucket, &req.input.key).await?;
        req.input.key = file_name(&req.input.key);
        self.files.head_object(req).await
    }

    async fn delete_object(
        &self,
        mut req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.must_have_bucket(&req.input.bucket).await?;
        self.index
            .remove(&req.input.bucket, &req.input.key)
            .await
            .map_err(internal)?;
        req.input.key = file_name(&req.input.key);
        self.files.delete_object(req).await
    }

    async fn delete_objects(
        &self,
        mut req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        self.must_have_bucket(&req.input.bucket).await?;
        let mut deleted = Vec::new();
        for object in &mut req.input.delete.objects {
            self.index
                .remove(&req.input.bucket, &object.key)
                .await
                .map_err(internal)?;
            let file = file_name(&object.key);
            let key = Some(std::mem::replace(&mut object.key, file));
            deleted.push(DeletedObject {
                key,
                ..Default::default()
            });
        }
        let mut answer = self.files.delete_objects(req).await?;
        answer.output.deleted = Some(deleted);
        Ok(answer)
    }

    async fn copy_object(
        &self,
        mut req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let (bucket, key) = (req.input.bucket.clone(), req.input.key.clone());
        self.must_have_bucket(&bucket).await?;
        req.input.copy_source = self.source(req.input.copy_source).await?;
        req.input.key = file_name(&key);
        let answer = self.files.copy_object(req).await?;
        let result = answer.output.copy_object_result.as_ref();
        let etag = result.and_then(|result| result.e_tag.clone());
        self.enter(&bucket, key, etag).await?;
        Ok(answer)
    }

    async fn list_objects(
        &self,
        req: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        self.must_have_bucket(&req.input.bucket).await?;
        list_objects(&self.index, req.input)
            .await
            .map(S3Response::new)
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.must_have_bucket(&req.input.bucket).await?;
        list_objects_v2(&self.index, req.input)
            .await
            .map(S3Response::new)
    }

    async fn create_multipart_upload(
        &self,
        mut req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        check_object_key(&req.input.key)?;
        let (bucket, key) = (req.input.bucket.clone(), req.input.key.clone());
        self.must_have_bucket(&bucket).await?;
        let owner = Identity::of(&req)?.upload_owner().unwrap_or_default();
        let owner = owner.to_owned();
        req.input.key = file_name(&key);
        req.credentials = None;
        let mut answer = self.files.create_multipart_upload(req).await?;
        let id = answer.output.upload_id.clone().unwrap_or_default();
        let upload = Upload {
            id,
            key: key.clone(),
            begun: now(),
        };
        let begun = self.index.begin(&bucket, &upload, &owner).await;
        begun.map_err(internal)?;
        answer.output.key = Some(key);
        Ok(answer)
    }

    async fn upload_part(
        &self,
        mut req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let input = &req.input;
        self.must_be_upload(&req, (&input.bucket, &input.key, &input.upload_id))
            .await?;
        let input = &mut req.input;
        input.key = file_name(&input.key);
        req.credentials = None;
        self.files.upload_part(req).await
    }

    async fn upload_part_copy(
        &self,
        mut req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = &req.input;
        self.must_be_upload(&req, (&input.bucket, &input.key, &input.upload_id))
            .await?;
        let input = &mut req.input;
        input.copy_source = self.source(input.copy_source.clone()).await?;
        input.key = file_name(&input.key);
        req.credentials = None;
        self.files.upload_part_copy(req).await
    }

    async fn list_parts(
        &self,
        mut req: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let input = &req.input;
        self.must_be_upload(&req, (&input.bucket, &input.key, &input.upload_id))
            .await?;
        let input = &mut req.input;
        let key = std::mem::take(&mut input.key);
        input.key = file_name(&key);
        let mut answer = self.files.list_parts(req).await?;
        if let Some(parts) = &mut answer.output.parts {
            parts.sort_by_key(|part| part.part_number);
        }
        answer.output.key = Some(key);
        Ok(answer)
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        self.must_have_bucket(&req.input.bucket).await?;
        list_multipart_uploads(&self.index, req.input)
            .await
            .map(S3Response::new)
    }

    async fn complete_multipart_upload(
        &self,
        mut req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = &req.input;
        self.must_be_upload(&req, (&input.bucket, &input.key, &input.upload_id))
            .await?;
        let input = &mut req.input;
        let (bucket, key, id) = (
            input.bucket.clone(),
            input.key.clone(),
            input.upload_id.clone(),
        );
        input.key = file_name(&key);
        req.credentials = None;
        let mut output = self.files.complete_multipart_upload(req).await?.output;
        if let Some(future) = output.future.take() {
            output = future.await?;
        }
        self.enter(&bucket, key.clone(), output.e_tag.clone())
            .await?;
        self.index.end(&id).await.map_err(internal)?;
        output.key = Some(key);
        Ok(S3Response::new(output))
    }

    async fn abort_multipart_upload(
        &self,
        mut req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = &req.input;
        self.must_be_upload(&req, (&input.bucket, &input.key, &input.upload_id))
            .await?;
        let input = &mut req.input;
        let id = input.upload_id.clone();
        input.key = file_name(&input.key);
        req.credentials = None;
        let answer = self.files.abort_multipart_upload(req).await?;
        self.index.end(&id).await.map_err(internal)?;
        Ok(answer)
    }
}
