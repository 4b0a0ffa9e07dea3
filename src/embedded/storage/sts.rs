use std::sync::Arc;
use std::time::Duration;

use chrono::SecondsFormat;
use hyper::header::CONTENT_TYPE;
use hyper::http::{Extensions, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode, Uri};
use s3s::route::S3Route;
use s3s::{Body, S3Request, S3Response, S3Result, s3_error};

use super::access::session_token;
use super::policy::Policy;
use super::sessions::{NewSession, Sessions, Signer};
use crate::embedded::random::hex_digits;

const FORM: &str = "application/x-www-form-urlencoded";
const DEFAULT_SECONDS: u64 = 3_600;
/// AWS starts at 900 s; here a test may see a session end.
const SECONDS: std::ops::RangeInclusive<u64> = 1..=43_200;
const MAX_POLICY_CHARS: usize = 2_048;

/// STS `AssumeRole`, by the store's root only. Every role there is may do everything, so the
/// session policy alone says what a session may.
pub(super) struct AssumeRole {
    sessions: Arc<Sessions>,
}

/// A refusal as STS writes it.
struct StsError {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
}

impl AssumeRole {
    pub(super) fn new(sessions: Arc<Sessions>) -> Self {
        Self { sessions }
    }

    fn assume(&self, form: &[(String, String)]) -> Result<NewSession, StsError> {
        let one = |name: &str| {
            form.iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value)
        };
        let repeats = |(i, (key, _)): (usize, &(String, String))| {
            form.iter().skip(i + 1).any(|(other, _)| other == key)
        };
        if form.iter().enumerate().any(repeats) {
            return Err(bad("ValidationError", "A parameter stands more than once."));
        }
        if form.iter().any(|(key, _)| key.starts_with("PolicyArns")) {
            return Err(bad("ValidationError", "PolicyArns are not known here."));
        }
        if one("Action").map(String::as_str) != Some("AssumeRole") {
            return Err(bad("InvalidAction", "The only action here is AssumeRole."));
        }
        if one("RoleArn").is_none_or(|arn| !arn.starts_with("arn:")) {
            return Err(bad("ValidationError", "RoleArn is missing or no ARN."));
        }
        if one("RoleSessionName").is_none_or(|name| !is_session_name(name)) {
            return Err(bad(
                "ValidationError",
                "RoleSessionName is missing or malformed.",
            ));
        }
        let seconds = match one("DurationSeconds") {
            None => DEFAULT_SECONDS,
            Some(text) => text.parse().unwrap_or(0),
        };
        if !SECONDS.contains(&seconds) {
            return Err(bad("ValidationError", "DurationSeconds is out of range."));
        }
        let policy = match one("Policy") {
            None => None,
            Some(json) if json.len() > MAX_POLICY_CHARS => {
                return Err(bad("PackedPolicyTooLarge", "The policy is too long."));
            }
            Some(json) => Some(Policy::parse(json).ok_or_else(|| {
                bad(
                    "MalformedPolicyDocument",
                    "The policy is no policy document.",
                )
            })?),
        };
        let opened = self.sessions.open(policy, Duration::from_secs(seconds));
        opened.map_err(|_| StsError {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "InternalFailure",
            message: "No randomness.",
        })
    }
}

#[async_trait::async_trait]
impl S3Route for AssumeRole {
    fn is_match(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        _: &mut Extensions,
    ) -> bool {
        let media_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        method == Method::POST
            && uri.path() == "/"
            && media_type.is_some_and(|value| value.starts_with(FORM))
    }

    async fn check_access(&self, req: &mut S3Request<Body>) -> S3Result<()> {
        let credentials = req.credentials.as_ref();
        let credentials = credentials.ok_or_else(|| s3_error!(AccessDenied))?;
        let token = session_token(&req.headers, &req.uri)?;
        match self
            .sessions
            .signer(&credentials.access_key, token.as_deref())?
        {
            Signer::Root => Ok(()),
            Signer::Session(_) => Err(s3_error!(AccessDenied, "Sessions open no sessions")),
        }
    }

    async fn call(&self, mut req: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let body = req.input.store_all_limited(64 * 1024).await;
        let body = body.map_err(|_| s3_error!(EntityTooLarge))?;
        let form: Vec<(String, String)> =
            serde_urlencoded::from_bytes(&body).map_err(|_| s3_error!(InvalidRequest))?;
        let request_id = hex_digits(16).unwrap_or_default();
        let (status, xml) = match self.assume(&form) {
            Ok(session) => (StatusCode::OK, success(&session, &request_id)),
            Err(error) => (error.status, failure(&error, &request_id)),
        };
        let mut response = S3Response::with_status(Body::from(xml), status);
        let xml = HeaderValue::from_static("text/xml");
        response.headers.insert(CONTENT_TYPE, xml);
        Ok(response)
    }
}

fn bad(code: &'static str, message: &'static str) -> StsError {
    StsError {
        status: StatusCode::BAD_REQUEST,
        code,
        message,
    }
}

/// `[\w+=,.@-]{2,64}`
fn is_session_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    (2..=64).contains(&name.len()) && name.bytes().all(allowed)
}

/// Every value is hex digits or a time: nothing to escape.
fn success(session: &NewSession, request_id: &str) -> String {
    let NewSession {
        access_key_id,
        secret_access_key,
        session_token,
        expiration,
    } = session;
    let expiration = expiration.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleResult><Credentials>\
         <AccessKeyId>{access_key_id}</AccessKeyId>\
         <SecretAccessKey>{secret_access_key}</SecretAccessKey>\
         <SessionToken>{session_token}</SessionToken>\
         <Expiration>{expiration}</Expiration>\
         </Credentials></AssumeRoleResult>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\
         </AssumeRoleResponse>"
    )
}

fn failure(error: &StsError, request_id: &str) -> String {
    let StsError { code, message, .. } = error;
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>"
    )
}
