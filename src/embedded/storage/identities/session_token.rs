use hyper::{HeaderMap, Uri};
use s3s::{S3Result, s3_error};
use url::form_urlencoded;

const SESSION_TOKEN: &str = "x-amz-security-token";

/// The session token in the headers or in a presigned URL. Refuses more than one.
pub(crate) fn session_token(headers: &HeaderMap, uri: &Uri) -> S3Result<Option<String>> {
    let in_headers = headers.get_all(SESSION_TOKEN).iter();
    let in_headers = in_headers.map(|value| value.to_str().ok().map(str::to_owned));
    let query = uri.query().unwrap_or_default();
    let in_query = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name.eq_ignore_ascii_case(SESSION_TOKEN))
        .map(|(_, value)| Some(value.into_owned()));
    let mut tokens = in_headers.chain(in_query);
    match (tokens.next(), tokens.next()) {
        (None, _) => Ok(None),
        (Some(Some(token)), None) => Ok(Some(token)),
        _ => Err(s3_error!(
            InvalidToken,
            "More than one session token, or a malformed one"
        )),
    }
}
