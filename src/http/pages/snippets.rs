//! Lines of shell to paste; they need only curl 7.76 or later. Other users of a machine can read the
//! arguments of its processes, so curl reads secrets from standard input, and `echo` and `printf`
//! are the shell's own.

use crate::http::state::StorageAddress;

/// Defines two functions.
///
/// `credentials` gets credentials for `$TOKEN` from the gateway at this address, into `$BUCKET` and
/// the variables that AWS SDKs read. If that fails it shows the answer and leaves no keys behind. It
/// takes only the names that the gateway sends, and only characters that are not special to a shell,
/// so an answer cannot run code or set other variables.
///
/// `s3 KEY` is curl that signs with them, for this object key and no other. Without its last header
/// curl would sign the body's hash and not send it, which some stores refuse.
#[must_use]
pub fn functions(gateway: &str) -> String {
    format!(
        r#"credentials() {{
  unset BUCKET AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_CREDENTIAL_EXPIRATION
  [ "$TOKEN" ] || {{ echo 'TOKEN is empty: set it to an access token first' >&2; return 1; }}
  names='ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|CREDENTIAL_EXPIRATION|(DEFAULT_)?REGION'
  names="$names|ENDPOINT_URL_S3|REQUEST_CHECKSUM_CALCULATION|RESPONSE_CHECKSUM_VALIDATION"
  answer=$(echo "Authorization: Bearer $TOKEN" |
    curl -sS --fail-with-body -X POST -H @- '{gateway}/v1/credentials?format=env') &&
    eval "$(printf '%s\n' "$answer" | grep -xE "export (BUCKET|AWS_($names))='[][A-Za-z0-9+/=:._~-]*'")"
  if [ "$BUCKET" ]; then echo "bucket $BUCKET until $AWS_CREDENTIAL_EXPIRATION"
  else printf '%s\n' "$answer" | LC_ALL=C tr -cd '[:print:]\n' >&2; return 1; fi
}}
s3() {{
  [ "$BUCKET" ] || {{ echo 'BUCKET is empty: run credentials first' >&2; return 1; }}
  key=$1; shift
  {{ printf 'user = "%s:%s"\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY"
    [ "$AWS_SESSION_TOKEN" ] && printf 'header = "x-amz-security-token: %s"\n' "$AWS_SESSION_TOKEN"; }} |
    curl -sS --fail-with-body -K - -w '%{{stderr}}\n%{{http_code}} %{{method}} %{{url}}\n' \
      --aws-sigv4 "aws:amz:${{AWS_REGION}}:s3" -H "x-amz-content-sha256: UNSIGNED-PAYLOAD" \
      --globoff --path-as-is "$AWS_ENDPOINT_URL_S3/$BUCKET/$key" "$@"
}}"#
    )
}

/// Gets credentials with [`functions`], stores a file and reads it back.
pub const FIRST_FILE: &str = "credentials\ns3 hello.txt -X PUT -d hello\ns3 hello.txt";

/// Lists the bucket with the AWS CLI; an old one does not read `$AWS_ENDPOINT_URL_S3`.
pub const AWS_CLI: &str = "aws s3 ls \"s3://$BUCKET\" --endpoint-url \"$AWS_ENDPOINT_URL_S3\"";

/// Gets an organisation's credentials for an API key.
#[must_use]
pub fn api_key_line(gateway: &str, key: &str) -> String {
    format!(
        "echo \"x-api-key: {key}\" | \
         curl -sS --fail-with-body -w '\\n' -X POST -H @- {gateway}/storage/boto"
    )
}

/// Gets a workspace's credentials for `$TOKEN`.
#[must_use]
pub fn workspace_line(gateway: &str, organisation: &str, workspace: &str) -> String {
    format!(
        "echo \"Authorization: Bearer $TOKEN\" | \
         curl -sS --fail-with-body -w '\\n' -H @- {gateway}/api/v1/org/{organisation}/ws/{workspace}/storage/credentials"
    )
}

/// Signs a person in at the gateway at this address, and writes a profile for AWS tools.
#[must_use]
pub fn login_lines(gateway: &str) -> String {
    format!("cloakroom login --url {gateway}\ncloakroom setup aws --url {gateway}")
}

/// Lets an AWS SDK get its credentials from the gateway at this address. SDKs prefer keys in the
/// environment, so those are unset. `mktemp` makes a file that only its owner can read.
#[must_use]
pub fn sdk_lines(gateway: &str, storage: &StorageAddress) -> String {
    let (store, region) = (&storage.endpoint, &storage.region);
    format!(
        r#"unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_CREDENTIAL_EXPIRATION
export AWS_CONTAINER_CREDENTIALS_FULL_URI={gateway}/v1/credentials/container
export AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$(mktemp)
printf %s "$TOKEN" >"$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
export AWS_ENDPOINT_URL_S3={store} AWS_REGION={region} AWS_DEFAULT_REGION={region}"#
    )
}
