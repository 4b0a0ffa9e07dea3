//! Which IAM actions an S3 operation needs (AWS Service Authorization Reference, "Actions
//! defined by Amazon S3").

use hyper::HeaderMap;
use hyper::header::HeaderName;

/// The action that an operation needs on the bucket or object in its path. An operation that is
/// not listed needs the action of its name.
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
        "GetBucketCors" => "GetBucketCORS",
        "PutBucketCors" | "DeleteBucketCors" => "PutBucketCORS",
        other => other,
    };
    format!("s3:{action}")
}

/// The further actions that a writing request needs because of its headers.
pub(super) fn actions_of_headers(headers: &HeaderMap) -> Vec<&'static str> {
    let has = |test: fn(&str) -> bool| headers.keys().map(HeaderName::as_str).any(test);
    let mut actions = Vec::new();
    // Objects without the header are `private` too, and rclone before 1.65 always sends it.
    let mut acls = headers.get_all("x-amz-acl").iter();
    if acls.any(|acl| acl != "private") || has(|name| name.starts_with("x-amz-grant-")) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acl_other_than_the_default_needs_its_own_action() {
        let needed = |values: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in values {
                headers.append(*name, hyper::header::HeaderValue::from_static(value));
            }
            actions_of_headers(&headers)
        };
        assert!(needed(&[("x-amz-acl", "private")]).is_empty());
        for asked in [
            &[("x-amz-acl", "public-read")][..],
            &[("x-amz-acl", "Private")],
            &[("x-amz-acl", "private"), ("x-amz-acl", "public-read")],
            &[("x-amz-acl", "private"), ("x-amz-grant-read", "id=x")],
        ] {
            assert_eq!(needed(asked), ["s3:PutObjectAcl"], "{asked:?}");
        }
    }
}
