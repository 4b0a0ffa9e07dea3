//! Lines of shell that work as they stand, with curl alone.

/// Gets credentials for `$TOKEN` from the gateway at this address, into shell variables of the
/// answer's own names: `$bucket`, `$endpoint`, `$accessKeyId` and so on.
#[must_use]
pub fn credentials_line(gateway: &str) -> String {
    format!(
        "eval \"$(curl -sX POST {gateway}/v1/credentials -H \"Authorization: Bearer $TOKEN\" \
         | tr '{{,}}' '\\n' | sed -nE '{AS_VARIABLES}')\""
    )
}

/// Only these names, and only characters that mean nothing to a shell: what a store answers must
/// not be run.
const AS_VARIABLES: &str = r##"s#^"(bucket|endpoint|region|accessKeyId|secretAccessKey|sessionToken)":"([A-Za-z0-9+/=:._-]*)"$#\1="\2"#p"##;

/// Stores a file with them.
#[must_use]
pub fn put_line() -> String {
    format!(
        "curl -sX PUT -d hello -H \"content-type: text/plain\" \"$endpoint/$bucket/hello.txt\" {SIGNED}"
    )
}

/// Reads it again.
#[must_use]
pub fn get_line() -> String {
    format!("curl -s \"$endpoint/$bucket/hello.txt\" {SIGNED}")
}

/// What curl needs to sign a request. Without the last header it would sign the body's hash and
/// not send it, which some stores refuse.
const SIGNED: &str = "--aws-sigv4 \"aws:amz:$region:s3\" --user \"$accessKeyId:$secretAccessKey\" \
    -H \"x-amz-security-token: $sessionToken\" -H \"x-amz-content-sha256: UNSIGNED-PAYLOAD\"";

/// The same with the AWS CLI.
#[must_use]
pub fn aws_cli_line() -> String {
    "AWS_ACCESS_KEY_ID=$accessKeyId AWS_SECRET_ACCESS_KEY=$secretAccessKey \
     AWS_SESSION_TOKEN=$sessionToken aws s3 ls \"s3://$bucket\" --endpoint-url \"$endpoint\" \
     --region \"$region\""
        .to_owned()
}
