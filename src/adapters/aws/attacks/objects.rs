use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    CompletedMultipartUpload, CompletedPart, Delete, ObjectCannedAcl, ObjectIdentifier, Tag,
    Tagging,
};

use crate::service::doctor::{Attempt, Object};

use super::{error_outcome, outcome};

const TEXT: &[u8] = b"cloakroom doctor was here\n";

/// The error code for a refused object in the answer to a batch.
const REFUSED: &str = "AccessDenied";

pub(in crate::adapters::aws) async fn put(
    s3: &Client,
    Object { bucket, key }: Object<'_>,
    acl: Option<ObjectCannedAcl>,
) -> Attempt {
    let put = s3
        .put_object()
        .bucket(bucket.as_str())
        .key(key)
        .set_acl(acl);
    let sent = put.body(ByteStream::from_static(TEXT)).send();
    outcome("PutObject", sent.await)
}

pub(in crate::adapters::aws) async fn get(
    s3: &Client,
    Object { bucket, key }: Object<'_>,
) -> Attempt {
    let sent = s3.get_object().bucket(bucket.as_str()).key(key).send();
    outcome("GetObject", sent.await)
}

pub(in crate::adapters::aws) async fn delete(
    s3: &Client,
    Object { bucket, key }: Object<'_>,
) -> Attempt {
    let sent = s3.delete_object().bucket(bucket.as_str()).key(key).send();
    outcome("DeleteObject", sent.await)
}

/// The answer to a batch may be 200 with an error for each object.
pub(in crate::adapters::aws) async fn delete_batch(
    s3: &Client,
    Object { bucket, key }: Object<'_>,
) -> Attempt {
    let object = ObjectIdentifier::builder().key(key).build();
    let batch = object.and_then(|object| Delete::builder().objects(object).build());
    let Ok(batch) = batch else {
        return Attempt::Unclear("DeleteObjects: cannot build the request".to_owned());
    };
    let sent = s3.delete_objects().bucket(bucket.as_str()).delete(batch);
    let answer = match sent.send().await {
        Ok(answer) => answer,
        Err(error) => return error_outcome("DeleteObjects", &error),
    };
    match answer.errors() {
        [] => Attempt::Done,
        [error] if error.code() == Some(REFUSED) => Attempt::Refused,
        _ => Attempt::Unclear("DeleteObjects: an error other than AccessDenied".to_owned()),
    }
}

pub(in crate::adapters::aws) async fn copy(
    s3: &Client,
    from: Object<'_>,
    to: Object<'_>,
) -> Attempt {
    let sent = s3
        .copy_object()
        .copy_source(source(from))
        .bucket(to.bucket.as_str())
        .key(to.key)
        .send();
    outcome("CopyObject", sent.await)
}

pub(in crate::adapters::aws) async fn multipart_copy(
    s3: &Client,
    from: Object<'_>,
    to: Object<'_>,
) -> Attempt {
    let upload = match begin(s3, to, None).await {
        Ok(upload) => upload,
        Err(attempt) => return unclear(attempt),
    };
    let sent = s3
        .upload_part_copy()
        .copy_source(source(from))
        .bucket(to.bucket.as_str())
        .key(to.key)
        .upload_id(upload)
        .part_number(1)
        .send();
    outcome("UploadPartCopy", sent.await)
}

pub(in crate::adapters::aws) async fn begin(
    s3: &Client,
    Object { bucket, key }: Object<'_>,
    acl: Option<ObjectCannedAcl>,
) -> Result<String, Attempt> {
    let sent = s3
        .create_multipart_upload()
        .bucket(bucket.as_str())
        .key(key)
        .set_acl(acl);
    match sent.send().await {
        Ok(begun) => Ok(begun.upload_id.unwrap_or_default()),
        Err(error) => Err(error_outcome("CreateMultipartUpload", &error)),
    }
}

pub(in crate::adapters::aws) async fn upload(
    s3: &Client,
    object: Object<'_>,
    acl: Option<ObjectCannedAcl>,
) -> Attempt {
    let upload = match begin(s3, object, acl).await {
        Ok(upload) => upload,
        Err(attempt) => return attempt,
    };
    let part = match part(s3, object, &upload).await {
        Ok(part) => part,
        Err(attempt) => return attempt,
    };
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    let sent = s3
        .complete_multipart_upload()
        .bucket(object.bucket.as_str())
        .key(object.key)
        .upload_id(upload)
        .multipart_upload(parts)
        .send();
    outcome("CompleteMultipartUpload", sent.await)
}

/// Uploads a part to an upload that `owner` begins and leaves open; removing the bucket aborts it.
pub(in crate::adapters::aws) async fn upload_part(
    s3: &Client,
    object: Object<'_>,
    owner: &Client,
) -> Attempt {
    let upload = match begin(owner, object, None).await {
        Ok(upload) => upload,
        Err(attempt) => return unclear(attempt),
    };
    match part(s3, object, &upload).await {
        Ok(_) => Attempt::Done,
        Err(attempt) => attempt,
    }
}

async fn part(
    s3: &Client,
    Object { bucket, key }: Object<'_>,
    upload: &str,
) -> Result<CompletedPart, Attempt> {
    const NUMBER: i32 = 1;
    let sent = s3
        .upload_part()
        .bucket(bucket.as_str())
        .key(key)
        .upload_id(upload)
        .part_number(NUMBER)
        .body(ByteStream::from_static(TEXT))
        .send();
    let part = sent
        .await
        .map_err(|error| error_outcome("UploadPart", &error))?;
    let completed = CompletedPart::builder().part_number(NUMBER);
    Ok(completed.set_e_tag(part.e_tag).build())
}

pub(in crate::adapters::aws) async fn tag(
    s3: &Client,
    Object { bucket, key }: Object<'_>,
) -> Attempt {
    let tag = Tag::builder().key("cloakroom").value("doctor").build();
    let Ok(tags) = tag.and_then(|tag| Tagging::builder().tag_set(tag).build()) else {
        return Attempt::Unclear("PutObjectTagging: cannot build the request".to_owned());
    };
    let put = s3.put_object_tagging().bucket(bucket.as_str()).key(key);
    outcome("PutObjectTagging", put.tagging(tags).send().await)
}

pub(in crate::adapters::aws) async fn change_acl(
    s3: &Client,
    Object { bucket, key }: Object<'_>,
) -> Attempt {
    let put = s3.put_object_acl().bucket(bucket.as_str()).key(key);
    let sent = put.acl(ObjectCannedAcl::PublicRead).send();
    outcome("PutObjectAcl", sent.await)
}

/// The outcome when the preparation of an attack fails: a refusal of it says nothing about the attack.
fn unclear(attempt: Attempt) -> Attempt {
    match attempt {
        Attempt::Refused => Attempt::Unclear("CreateMultipartUpload: refused".to_owned()),
        other => other,
    }
}

fn source(Object { bucket, key }: Object<'_>) -> String {
    format!("{bucket}/{key}")
}
