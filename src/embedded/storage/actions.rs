//! Which IAM actions an S3 operation needs (AWS Service Authorization Reference, "Actions
//! defined by Amazon S3").

use hyper::HeaderMap;
use hyper::header::HeaderName;

/// The action that an operation needs on the bucket or object that its path names. Whatever is
/// not listed needs the action of its own name, which no session policy of four actions allows.
pub(super) fn action_of(operation: &str) -> String {
    let action = match operation {
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => "ListBucket",
        "HeadObject" => "GetObject",
        "CopyObject"
        | "CompleteMultipartUpload"
        | "CreateMultipartUpload"
        | "UploadPart"
        | "UploadPartCopy" => "PutObject",
        "ListParts" => "ListMultipartUploadParts",
        "ListMultipartUploads" => "ListBucketMultipartUploads",
        "ListBuckets" => "ListAllMyBuckets",
        other => other,
    };
    format!("s3:{action}")
}

/// The further actions that a writing request needs because of what its headers ask for.
pub(super) fn actions_of_headers(headers: &HeaderMap) -> Vec<&'static str> {
    let has = |test: fn(&str) -> bool| headers.keys().map(HeaderName::as_str).any(test);
    let mut actions = Vec::new();
    if has(|name| name == "x-amz-acl" || name.starts_with("x-amz-grant-")) {
        actions.push("s3:PutObjectAcl");
    }
    if has(|name| name == "x-amz-tagging") {
        actions.push("s3:PutObjectTagging");
    }
    if has(|name| name.starts_with("x-amz-object-lock-")) {
        actions.push("s3:PutObjectRetention");
    }
    actions
}
