//! Lines of shell that work as they stand, with curl alone. Other users of a machine can read the
//! arguments of its processes, so curl reads secrets from standard input, and `echo` and `printf` are
//! the shell's own.

/// Gets credentials for `$TOKEN` from the gateway at this address, into the variables that AWS SDKs
/// read, and `$BUCKET`.
#[must_use]
pub fn credentials_line(gateway: &str) -> String {
    format!(
        "eval \"$(echo \"Authorization: Bearer $TOKEN\" | curl -fsSX POST -H @- \
         '{gateway}/v1/credentials?format=env' | grep -xE \"{EXPORTS}\")\""
    )
}

/// Only such names, and only characters that mean nothing to a shell: whatever answers at the
/// gateway's address, nothing of it is run.
const EXPORTS: &str = "export (AWS_[A-Z0-9_]+|BUCKET)='[][A-Za-z0-9+/=:._~-]*'";

/// A command `s3`: curl that signs with them. Without the last header it would sign the body's hash
/// and not send it, which some stores refuse.
#[must_use]
pub fn s3_line() -> String {
    "s3() { printf 'user = \"%s:%s\"\\nheader = \"x-amz-security-token: %s\"\\n' \
     \"$AWS_ACCESS_KEY_ID\" \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_SESSION_TOKEN\" | curl -sK - \
     --aws-sigv4 \"aws:amz:$AWS_REGION:s3\" -H \"x-amz-content-sha256: UNSIGNED-PAYLOAD\" \"$@\"; }"
        .to_owned()
}

/// Stores a file with `s3`.
#[must_use]
pub fn put_line() -> String {
    "s3 -X PUT -d hello -H \"content-type: text/plain\" \"$AWS_ENDPOINT_URL_S3/$BUCKET/hello.txt\""
        .to_owned()
}

/// Reads it again.
#[must_use]
pub fn get_line() -> String {
    "s3 \"$AWS_ENDPOINT_URL_S3/$BUCKET/hello.txt\"".to_owned()
}

/// The same with the AWS CLI; an old one does not read `$AWS_ENDPOINT_URL_S3`.
#[must_use]
pub fn aws_cli_line() -> String {
    "aws s3 ls \"s3://$BUCKET\" --endpoint-url \"$AWS_ENDPOINT_URL_S3\"".to_owned()
}

/// Gets an organisation's credentials for an API key.
#[must_use]
pub fn api_key_line(gateway: &str, key: &str) -> String {
    format!("echo \"x-api-key: {key}\" | curl -sX POST -H @- {gateway}/storage/boto")
}

/// Gets a workspace's credentials for `$TOKEN`.
#[must_use]
pub fn workspace_line(gateway: &str, organisation: &str, workspace: &str) -> String {
    format!(
        "echo \"Authorization: Bearer $TOKEN\" | \
         curl -s -H @- {gateway}/api/v1/org/{organisation}/ws/{workspace}/storage/credentials"
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
