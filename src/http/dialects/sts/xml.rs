//! The answers of AWS STS, as XML.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::domain::RequestId;

use crate::http::dialects::session::GrantedSession;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const ACCOUNT: &str = "000000000000";
const X_AMZN_REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

#[derive(Serialize)]
#[serde(
    rename = "AssumeRoleWithWebIdentityResponse",
    rename_all = "PascalCase"
)]
struct Answer<'a> {
    #[serde(rename = "@xmlns")]
    xmlns: &'static str,
    assume_role_with_web_identity_result: Assumed<'a>,
    response_metadata: Metadata,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Assumed<'a> {
    credentials: Credentials<'a>,
    assumed_role_user: AssumedRoleUser,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: String,
}

/// No user of AWS; some SDKs require one.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    arn: String,
    assumed_role_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename = "GetCallerIdentityResponse", rename_all = "PascalCase")]
struct IdentityAnswer {
    #[serde(rename = "@xmlns")]
    xmlns: &'static str,
    get_caller_identity_result: Identity,
    response_metadata: Metadata,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Identity {
    arn: String,
    user_id: String,
    account: &'static str,
}

#[derive(Serialize)]
#[serde(rename = "ErrorResponse", rename_all = "PascalCase")]
struct ErrorAnswer {
    #[serde(rename = "@xmlns")]
    xmlns: &'static str,
    error: ErrorBody,
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody {
    r#type: &'static str,
    code: &'static str,
    message: &'static str,
}

impl Metadata {
    fn of(request_id: RequestId) -> Self {
        Self {
            request_id: request_id.to_string(),
        }
    }
}

/// The answer to a request that gets credentials.
pub(super) fn granted(granted: &GrantedSession, request_id: RequestId) -> HttpResponse {
    let session = &granted.session;
    let answer = Answer {
        xmlns: NAMESPACE,
        assume_role_with_web_identity_result: Assumed {
            credentials: Credentials {
                access_key_id: &session.access_key_id,
                secret_access_key: session.secret_access_key.expose_secret(),
                session_token: session.session_token.expose_secret(),
                expiration: granted.expiration(),
            },
            assumed_role_user: AssumedRoleUser {
                arn: arn(request_id),
                assumed_role_id: user_id(request_id),
            },
        },
        response_metadata: Metadata::of(request_id),
    };
    xml(StatusCode::OK, &answer, request_id)
}

/// The answer that tells a session by the request that it was issued to.
pub(super) fn identified(session: RequestId, request_id: RequestId) -> HttpResponse {
    let answer = IdentityAnswer {
        xmlns: NAMESPACE,
        get_caller_identity_result: Identity {
            arn: arn(session),
            user_id: user_id(session),
            account: ACCOUNT,
        },
        response_metadata: Metadata::of(request_id),
    };
    xml(StatusCode::OK, &answer, request_id)
}

/// A session as a user of AWS, by the request that it was issued to.
fn arn(session: RequestId) -> String {
    format!("arn:aws:sts::{ACCOUNT}:assumed-role/cloakroom/{session}")
}

fn user_id(session: RequestId) -> String {
    format!("cloakroom:{session}")
}

/// The answer to any other.
pub(super) fn refused(
    status: StatusCode,
    code: &'static str,
    message: &'static str,
    request_id: RequestId,
) -> HttpResponse {
    let answer = ErrorAnswer {
        xmlns: NAMESPACE,
        error: ErrorBody {
            r#type: if status.is_client_error() {
                "Sender"
            } else {
                "Receiver"
            },
            code,
            message,
        },
        request_id: request_id.to_string(),
    };
    xml(status, &answer, request_id)
}

fn xml(status: StatusCode, answer: &impl Serialize, request_id: RequestId) -> HttpResponse {
    let Ok(text) = quick_xml::se::to_string(answer) else {
        return HttpResponse::InternalServerError().finish();
    };
    let mut response = HttpResponse::build(status)
        .content_type("text/xml")
        .body(text);
    if let Ok(id) = HeaderValue::try_from(request_id.to_string()) {
        response.headers_mut().insert(X_AMZN_REQUEST_ID, id);
    }
    response
}
