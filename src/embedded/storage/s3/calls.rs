//! The calls of S3, one function each.

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateBucketInput,
    CreateBucketOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    DeleteBucketCorsInput, DeleteBucketCorsOutput, DeleteBucketInput, DeleteBucketOutput,
    DeleteBucketPolicyInput, DeleteBucketPolicyOutput, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, GetBucketCorsInput,
    GetBucketCorsOutput, GetBucketLocationInput, GetBucketLocationOutput, GetBucketPolicyInput,
    GetBucketPolicyOutput, GetBucketTaggingInput, GetBucketTaggingOutput, GetObjectInput,
    GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListBucketsInput, ListBucketsOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput,
    ListPartsOutput, PutBucketCorsInput, PutBucketCorsOutput, PutBucketPolicyInput,
    PutBucketPolicyOutput, PutBucketTaggingInput, PutBucketTaggingOutput, PutObjectInput,
    PutObjectOutput, Tag, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput,
    UploadPartOutput,
};
use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::index::Upload;
use super::listing::{list_multipart_uploads, list_objects, list_objects_v2};
use super::object_key::check_object_key;
use super::object_store::{ObjectStore, file_name};
use crate::embedded::clock::now;
use crate::embedded::storage::bucket_policies::BucketPolicy;
use crate::embedded::storage::identities::Identity;

#[async_trait::async_trait]
impl S3 for ObjectStore {
    async fn create_bucket(
        &self,
        req: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let _turn = self.buckets.lock().await;
        let bucket = req.input.bucket.clone();
        if self.index.has_bucket(&bucket).await? {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        // A folder that is not in the index was left by a crash: take it over.
        if let Err(error) = self.files.create_bucket(req).await
            && *error.code() != S3ErrorCode::BucketAlreadyExists
        {
            return Err(error);
        }
        self.index.add_bucket(&bucket).await?;
        let location = Some(format!("/{bucket}"));
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn delete_bucket(
        &self,
        req: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        let _turn = self.buckets.lock().await;
        self.require_bucket(&req.input.bucket).await?;
        if !self.index.remove_bucket(&req.input.bucket).await? {
            return Err(s3_error!(BucketNotEmpty));
        }
        self.policies.set(&req.input.bucket, None);
        self.files.delete_bucket(req).await
    }

    async fn head_bucket(
        &self,
        req: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.require_bucket(&req.input.bucket).await?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.require_bucket(&req.input.bucket).await?;
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
        self.require_bucket(&req.input.bucket).await?;
        let tags = req.input.tagging.tag_set.into_iter();
        let tags = tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
        let tags: Vec<(String, String)> = tags.collect();
        self.index.set_tags(&req.input.bucket, &tags).await?;
        Ok(S3Response::new(PutBucketTaggingOutput::default()))
    }

    async fn get_bucket_tagging(
        &self,
        req: S3Request<GetBucketTaggingInput>,
    ) -> S3Result<S3Response<GetBucketTaggingOutput>> {
        self.require_bucket(&req.input.bucket).await?;
        let tags = self.index.tags(&req.input.bucket).await?;
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

    async fn put_bucket_cors(
        &self,
        req: S3Request<PutBucketCorsInput>,
    ) -> S3Result<S3Response<PutBucketCorsOutput>> {
        let bucket = &req.input.bucket;
        self.require_bucket(bucket).await?;
        let rules = &req.input.cors_configuration.cors_rules;
        self.index.set_cors_rules(bucket, Some(rules)).await?;
        Ok(S3Response::new(PutBucketCorsOutput::default()))
    }

    async fn get_bucket_cors(
        &self,
        req: S3Request<GetBucketCorsInput>,
    ) -> S3Result<S3Response<GetBucketCorsOutput>> {
        self.require_bucket(&req.input.bucket).await?;
        let cors_rules = self.index.cors_rules(&req.input.bucket).await?;
        if cors_rules.is_none() {
            return Err(s3_error!(NoSuchCORSConfiguration));
        }
        Ok(S3Response::new(GetBucketCorsOutput { cors_rules }))
    }

    async fn delete_bucket_cors(
        &self,
        req: S3Request<DeleteBucketCorsInput>,
    ) -> S3Result<S3Response<DeleteBucketCorsOutput>> {
        self.require_bucket(&req.input.bucket).await?;
        self.index.set_cors_rules(&req.input.bucket, None).await?;
        Ok(S3Response::new(DeleteBucketCorsOutput::default()))
    }

    async fn put_bucket_policy(
        &self,
        req: S3Request<PutBucketPolicyInput>,
    ) -> S3Result<S3Response<PutBucketPolicyOutput>> {
        self.require_bucket(&req.input.bucket).await?;
        let policy = BucketPolicy::parse(&req.input.policy).ok_or_else(|| {
            s3_error!(MalformedPolicy, "A policy here may only deny, to everyone.")
        })?;
        self.policies.set(&req.input.bucket, Some(policy));
        Ok(S3Response::new(PutBucketPolicyOutput::default()))
    }

    async fn get_bucket_policy(
        &self,
        req: S3Request<GetBucketPolicyInput>,
    ) -> S3Result<S3Response<GetBucketPolicyOutput>> {
        self.require_bucket(&req.input.bucket).await?;
        let policy = self.policies.get(&req.input.bucket);
        let policy = Some(policy.ok_or_else(|| s3_error!(NoSuchBucketPolicy))?);
        Ok(S3Response::new(GetBucketPolicyOutput { policy }))
    }

    async fn delete_bucket_policy(
        &self,
        req: S3Request<DeleteBucketPolicyInput>,
    ) -> S3Result<S3Response<DeleteBucketPolicyOutput>> {
        self.require_bucket(&req.input.bucket).await?;
        self.policies.set(&req.input.bucket, None);
        Ok(S3Response::new(DeleteBucketPolicyOutput::default()))
    }

    async fn put_object(
        &self,
        mut req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        check_object_key(&req.input.key)?;
        let (bucket, key) = (req.input.bucket.clone(), req.input.key.clone());
        self.require_bucket(&bucket).await?;
        req.input.key = file_name(&key);
        // An upload without a body is an empty object.
        let body = req.input.body.take();
        req.input.body = Some(body.unwrap_or_else(|| s3s::Body::empty().into()));
        let answer = self.files.put_object(req).await?;
        let etag = answer.output.e_tag.clone();
        self.add_object(bucket, key, etag).await?;
        Ok(answer)
    }

    async fn get_object(
        &self,
        mut req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = &mut req.input;
        input.key = self.object_file(&input.bucket, &input.key).await?;
        self.files.get_object(req).await
    }

    async fn head_object(
        &self,
        mut req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = &mut req.input;
        input.key = self.object_file(&input.bucket, &input.key).await?;
        self.files.head_object(req).await
    }

    async fn delete_object(
        &self,
        mut req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.require_bucket(&req.input.bucket).await?;
        let (bucket, key) = (&req.input.bucket, &req.input.key);
        self.index.remove_object(bucket, key).await?;
        req.input.key = file_name(&req.input.key);
        self.files.delete_object(req).await
    }

    async fn delete_objects(
        &self,
        mut req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let bucket = &req.input.bucket;
        self.require_bucket(bucket).await?;
        let mut deleted = Vec::new();
        for object in &mut req.input.delete.objects {
            self.index.remove_object(bucket, &object.key).await?;
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
        self.require_bucket(&bucket).await?;
        self.locate_source(&mut req.input.copy_source).await?;
        req.input.key = file_name(&key);
        let answer = self.files.copy_object(req).await?;
        let result = answer.output.copy_object_result.as_ref();
        let etag = result.and_then(|copied| copied.e_tag.clone());
        self.add_object(bucket, key, etag).await?;
        Ok(answer)
    }

    async fn list_objects(
        &self,
        req: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        self.require_bucket(&req.input.bucket).await?;
        let output = list_objects(&self.index, req.input).await?;
        Ok(S3Response::new(output))
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.require_bucket(&req.input.bucket).await?;
        let output = list_objects_v2(&self.index, req.input).await?;
        Ok(S3Response::new(output))
    }

    async fn create_multipart_upload(
        &self,
        mut req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        check_object_key(&req.input.key)?;
        let (bucket, key) = (req.input.bucket.clone(), req.input.key.clone());
        self.require_bucket(&bucket).await?;
        let owner = Identity::of(&req.extensions)?.upload_owner();
        let owner = owner.unwrap_or_default().to_owned();
        req.input.key = file_name(&key);
        req.credentials = None;
        let mut answer = self.files.create_multipart_upload(req).await?;
        let upload = Upload {
            id: answer.output.upload_id.clone().unwrap_or_default(),
            key: key.clone(),
            begun: now().timestamp_millis(),
        };
        self.index.begin_upload(&bucket, &upload, &owner).await?;
        answer.output.key = Some(key);
        Ok(answer)
    }

    async fn upload_part(
        &self,
        mut req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.locate_upload(&mut req).await?;
        self.files.upload_part(req).await
    }

    async fn upload_part_copy(
        &self,
        mut req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        self.locate_upload(&mut req).await?;
        self.locate_source(&mut req.input.copy_source).await?;
        self.files.upload_part_copy(req).await
    }

    async fn list_parts(
        &self,
        mut req: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let key = self.locate_upload(&mut req).await?;
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
        self.require_bucket(&req.input.bucket).await?;
        let output = list_multipart_uploads(&self.index, req.input).await?;
        Ok(S3Response::new(output))
    }

    async fn complete_multipart_upload(
        &self,
        mut req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let key = self.locate_upload(&mut req).await?;
        let (bucket, id) = (req.input.bucket.clone(), req.input.upload_id.clone());
        let mut output = self.files.complete_multipart_upload(req).await?.output;
        if let Some(future) = output.future.take() {
            output = future.await?;
        }
        let etag = output.e_tag.clone();
        self.add_object(bucket, key.clone(), etag).await?;
        self.index.end_upload(&id).await?;
        output.key = Some(key);
        Ok(S3Response::new(output))
    }

    async fn abort_multipart_upload(
        &self,
        mut req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.locate_upload(&mut req).await?;
        let id = req.input.upload_id.clone();
        let answer = self.files.abort_multipart_upload(req).await?;
        self.index.end_upload(&id).await?;
        Ok(answer)
    }
}
