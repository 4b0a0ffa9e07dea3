//! Errors with S3's own messages, which people search for.

use aws_sdk_s3::error::ProvideErrorMetadata;

use crate::support::{App, Credentials, spawn_app};

use super::put;

const WRONG_SIGNATURE: &str = "The request signature we calculated does not match the signature you \
                               provided. Check your key and signing method.";

/// Status and body of the answer to a request without the SDK.
async fn fetch(app: &App, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = app.http.get(format!("{}{path}", app.storage.url()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_objects_have_the_messages_of_s3() {
    let app = spawn_app().await;
    let alice = app.credentials_of("alice").await;
    let with = |change: &dyn Fn(&mut Credentials)| {
        let mut changed = alice.clone();
        change(&mut changed);
        changed.s3()
    };
    let unchanged = with(&|_| {});
    let unknown = with(&|c| c.keys.access_key_id = "ASIAUNKNOWN".to_owned());
    let unsigned = with(&|c| c.keys.secret_access_key.push('0'));
    let swapped = with(&|c| c.keys.session_token.push('0'));
    for (s3, code, message) in [
        (&unchanged, "NoSuchKey", "The specified key does not exist."),
        (
            &unknown,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        (&unsigned, "SignatureDoesNotMatch", WRONG_SIGNATURE),
        (
            &swapped,
            "InvalidToken",
            "The provided token is malformed or otherwise invalid.",
        ),
    ] {
        let got = s3.get_object().bucket(&alice.bucket).key("none");
        let error = got.send().await.unwrap_err();
        assert_eq!((error.code(), error.message()), (Some(code), Some(message)));
    }
    let tagged = unchanged.get_bucket_tagging().bucket(&alice.bucket);
    let error = tagged.send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDenied"));
    let why = "Access Denied: no session policy allows the s3:GetBucketTagging action";
    assert_eq!(error.message(), Some(why));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_buckets_have_the_messages_of_s3() {
    let app = spawn_app().await;
    let alice = app.credentials_of("alice").await;
    put(&alice.s3(), &alice.bucket, "x").await.unwrap();
    let root = app.root();
    let error = root.delete_bucket().bucket(&alice.bucket).send().await;
    let error = error.unwrap_err();
    let message = "The bucket you tried to delete is not empty";
    assert_eq!(error.code(), Some("BucketNotEmpty"));
    assert_eq!(error.message(), Some(message));
    let error = root.list_objects_v2().bucket("missing").send().await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), Some("NoSuchBucket"));
    assert_eq!(error.message(), Some("The specified bucket does not exist"));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_unsigned_and_late_requests_have_the_messages_of_s3() {
    let app = spawn_app().await;
    let (status, body) = fetch(&app, "/bucket/key", &[]).await;
    assert_eq!(status, 403);
    assert!(body.contains("<Message>Access Denied</Message>"), "{body}");
    let signed = "AWS4-HMAC-SHA256 Credential=AKIA/20200101/us-east-1/s3/aws4_request, \
                  SignedHeaders=host;x-amz-content-sha256;x-amz-date, \
                  Signature=0000000000000000000000000000000000000000000000000000000000000000";
    let headers = [
        ("authorization", signed),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-date", "20200101T000000Z"),
    ];
    let (status, body) = fetch(&app, "/bucket/key", &headers).await;
    assert_eq!(status, 403);
    let message = "The difference between the request time and the current time is too large.";
    assert!(body.contains("<Code>RequestTimeTooSkewed</Code>"), "{body}");
    assert!(body.contains(message), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signature_version_2_is_refused_with_a_hint_at_version_4() {
    let app = spawn_app().await;
    let id = &app.storage.identity().access_key_id;
    let presigned = format!("/bucket/key?AWSAccessKeyId={id}&Signature=x%3D&Expires=4102444800");
    let header = [("authorization", "AWS AKIA:c2lnbmF0dXJl")];
    for (path, headers) in [(presigned.as_str(), &[][..]), ("/bucket/key", &header)] {
        let (status, body) = fetch(&app, path, headers).await;
        assert_eq!(status, 400, "{body}");
        assert!(body.contains("<Code>InvalidRequest</Code>"), "{body}");
        assert!(body.contains("Please use AWS4-HMAC-SHA256"), "{body}");
        assert!(body.contains("signature_version="), "{body}");
    }
}
