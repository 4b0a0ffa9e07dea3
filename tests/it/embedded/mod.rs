//! The embedded store and authorization server: what they keep and what they refuse.

mod bucket_calls;
mod cors;
mod device;
mod errors;
mod isolation;
mod request_log;
mod sessions;
mod sign_in;
mod store;
mod unread_bodies;
mod users;

use std::fmt::Debug;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;

/// Puts an object whose content is its key.
async fn put(s3: &Client, bucket: &str, key: &str) -> Result<(), String> {
    let body = ByteStream::from(key.as_bytes().to_vec());
    let put = s3.put_object().bucket(bucket).key(key).body(body);
    outcome(put.send().await)
}

async fn get(s3: &Client, bucket: &str, key: &str) -> Result<(), String> {
    outcome(s3.get_object().bucket(bucket).key(key).send().await)
}

fn outcome<T, E: ProvideErrorMetadata + Debug>(
    sent: Result<T, SdkError<E, HttpResponse>>,
) -> Result<(), String> {
    answer(sent).map(drop)
}

/// The answer, or status and code of the error: `409 DeleteConflict`.
fn answer<T, E: ProvideErrorMetadata + Debug>(
    sent: Result<T, SdkError<E, HttpResponse>>,
) -> Result<T, String> {
    sent.map_err(|error| {
        let Some(response) = error.raw_response() else {
            panic!("no answer: {error:?}")
        };
        let status = response.status().as_u16();
        let code = error.as_service_error().and_then(|error| error.code());
        format!("{status} {}", code.unwrap_or_default())
    })
}

fn refused(code: &str) -> Result<(), String> {
    Err(code.to_owned())
}

fn denied() -> Result<(), String> {
    refused("403 AccessDenied")
}

/// The answer has no body to a HEAD request, and so no code.
fn assert_denied(what: &str, outcome: &Result<(), String>) {
    let is_denied = outcome
        .as_ref()
        .is_err_and(|error| error.starts_with("403"));
    assert!(is_denied, "{what}: {outcome:?}");
}

fn sts(endpoint: &str, id: &str, secret: &str, token: Option<&str>) -> aws_sdk_sts::Client {
    use aws_sdk_sts::config::{BehaviorVersion, Config, Credentials, Region};
    let token = token.map(str::to_owned);
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(id, secret, token, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_sts::Client::from_conf(config)
}
