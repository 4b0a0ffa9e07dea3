//! HTML forms (POST object) cannot get around the policies.

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::json;

use super::{AccessKey, World, allow, get, refused};

const BOUNDARY: &str = "boundary";

/// A form that puts the object `secret` into the bucket `mine`.
fn form(key: &AccessKey) -> String {
    let now = now();
    let (date, stamp) = (now.format("%Y%m%d"), now.format("%Y%m%dT%H%M%SZ"));
    let credential = format!("{}/{date}/us-east-1/s3/aws4_request", key.id);
    let policy = json!({"expiration": "2999-01-01T00:00:00Z", "conditions": [
        {"bucket": "mine"}, {"key": "secret"}, {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
        {"x-amz-credential": credential}, {"x-amz-date": stamp.to_string()},
    ]});
    let policy = STANDARD.encode(policy.to_string());
    let signing = generate_signing_key(&key.secret, now.into(), "us-east-1", "s3");
    let signature = calculate_signature(signing, policy.as_bytes());
    let fields = [
        ("key", "secret"),
        ("policy", &policy),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-credential", &credential),
        ("x-amz-date", &stamp.to_string()),
        ("x-amz-signature", &signature),
        ("file", "forged"),
    ]
    .map(|(name, value)| {
        let name = match name {
            "file" => "\"file\"; filename=\"f\"".to_owned(),
            name => format!("\"{name}\""),
        };
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name={name}");
        format!("{head}\r\n\r\n{value}\r\n")
    });
    format!("{}--{BOUNDARY}--\r\n", fields.concat())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the store checks signatures by the system's clock"
)]
fn now() -> DateTime<Utc> {
    Utc::now()
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_cannot_be_put_by_html_form() {
    let world = World::start().await;
    world.fill(&["mine"], &[]).await;
    // Everything on the bucket, nothing on its objects.
    let key = world.user("acme", &[allow(&["s3:*"], &["mine"])]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for key in [&key, &world.root_key()] {
        let sent = http.post(format!("{}/mine", world.storage.url()));
        let media_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let sent = sent.header("content-type", media_type).body(form(key));
        let answer = sent.send().await.unwrap();
        let status = answer.status().as_u16();
        assert_eq!(status, 501, "{}", answer.text().await.unwrap());
    }
    let nothing = get(&world.root(), "mine", "secret").await;
    assert_eq!(nothing, refused("404 NoSuchKey"));
}
