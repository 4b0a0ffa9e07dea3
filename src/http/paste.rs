//! Lines of shell that work as they stand, with curl alone.

/// Gets credentials for `$TOKEN` from the gateway at this address, into the variables that AWS SDKs
/// read, and `$BUCKET`.
#[must_use]
pub fn credentials_line(gateway: &str) -> String {
    format!(
        "eval \"$(curl -fsSX POST '{gateway}/v1/credentials?format=env' -H \"Authorization: Bearer \
         $TOKEN\" | grep -xE \"{EXPORTS}\")\""
    )
}

/// Only such names, and only characters that mean nothing to a shell: whatever answers at the
/// gateway's address, nothing of it is run.
const EXPORTS: &str = "export (AWS_[A-Z0-9_]+|BUCKET)='[][A-Za-z0-9+/=:._~-]*'";

/// Stores a file with them.
#[must_use]
pub fn put_line() -> String {
    format!(
        "curl -sX PUT -d hello -H \"content-type: text/plain\" \
         \"$AWS_ENDPOINT_URL_S3/$BUCKET/hello.txt\" {SIGNED}"
    )
}

/// Reads it again.
#[must_use]
pub fn get_line() -> String {
    format!("curl -s \"$AWS_ENDPOINT_URL_S3/$BUCKET/hello.txt\" {SIGNED}")
}

/// What curl needs to sign a request. Without the last header it would sign the body's hash and
/// not send it, which some stores refuse.
const SIGNED: &str = "--aws-sigv4 \"aws:amz:$AWS_REGION:s3\" \
    --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" \
    -H \"x-amz-security-token: $AWS_SESSION_TOKEN\" -H \"x-amz-content-sha256: UNSIGNED-PAYLOAD\"";

/// The same with the AWS CLI; an old one does not read `$AWS_ENDPOINT_URL_S3`.
#[must_use]
pub fn aws_cli_line() -> String {
    "aws s3 ls \"s3://$BUCKET\" --endpoint-url \"$AWS_ENDPOINT_URL_S3\"".to_owned()
}

/// Gets an organisation's credentials for an API key.
#[must_use]
pub fn api_key_line(gateway: &str, key: &str) -> String {
    format!("curl -sX POST {gateway}/storage/boto -H \"x-api-key: {key}\"")
}

/// Gets a workspace's credentials for `$TOKEN`.
#[must_use]
pub fn workspace_line(gateway: &str, organisation: &str, workspace: &str) -> String {
    format!(
        "curl -s {gateway}/api/v1/org/{organisation}/ws/{workspace}/storage/credentials \
         -H \"Authorization: Bearer $TOKEN\""
    )
}

/// What an AWS SDK needs to get its credentials from the gateway at this address by itself.
#[must_use]
pub fn sdk_lines(gateway: &str, store: &str) -> String {
    format!(
        "export AWS_CONTAINER_CREDENTIALS_FULL_URI={gateway}/v1/credentials/container\n\
         export AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token\n\
         export AWS_ENDPOINT_URL_S3={store}"
    )
}
