//! The answers of AWS STS, as XML.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::domain::RequestId;

use crate::http::dialects::session::GrantedSession;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
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
                arn: format!("arn:aws:sts::000000000000:assumed-role/cloakroom/{request_id}"),
                assumed_role_id: format!("cloakroom:{request_id}"),
            },
        },
        response_metadata: Metadata {
            request_id: request_id.to_string(),
        },
    };
    xml(StatusCode::OK, &answer, request_id)
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
