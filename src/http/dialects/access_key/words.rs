//! How the dialect of access keys words its refusals.

use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::domain::Scope;
use crate::service::{AccessKeyRefusal, Refusal};

use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;

/// A failure.
#[derive(Serialize, ToSchema)]
pub(crate) struct KatapultError {
    /// The sort of failure.
    #[schema(example = "invalid_api_token")]
    pub(super) code: &'static str,
    /// What went wrong.
    #[schema(example = "The API token is not valid here.")]
    pub(super) description: &'static str,
    /// What else is to be known.
    pub(super) detail: Value,
}

pub(super) fn description(failure: &Failure) -> &'static str {
    match failure.cause() {
        Cause::NoCredential => {
            "No API token was provided in the Authorization header. Send 'Authorization: Bearer \
             <token>'."
        }
        Cause::BadCredential
        | Cause::BadApiKey
        | Cause::BadSession
        | Cause::ExpiredCredential
        | Cause::MissingClaims => {
            "The API token is not valid here: it may not exist, or have expired."
        }
        Cause::MissingScope => "The token was issued without the scope that this call requires.",
        Cause::NotEntitled => {
            "The token may not use this access key, or the key is disabled, or you are blocked here."
        }
        Cause::Network => "This access key may not be used from this network.",
        Cause::BadCapability => {
            "The capability token is not valid: expired, for another access key, or signed with \
             another key."
        }
        Cause::NotFound => "There is no such object storage access key.",
        Cause::NotQueued => {
            "The new credentials could not be recorded; the previous ones still work."
        }
        Cause::Conflict => match failure {
            Failure::Refused(Refusal::AccessKey(AccessKeyRefusal::Pending)) => {
                "Earlier credentials of this access key are still being made. Try again later."
            }
            Failure::Refused(Refusal::AccessKey(AccessKeyRefusal::NoPolicy(_))) => {
                "This key's rights cannot be expressed as a policy here: ask the operator."
            }
            _ => "A bucket of this access key is not its owner's.",
        },
        Cause::Rate => "The rate limit is reached.",
        Cause::AuthorizationServer
        | Cause::AuthorizationServerTimeout
        | Cause::Store
        | Cause::StoreTimeout
        | Cause::Ours
        | Cause::Overloaded => "The service is unavailable at the moment. Try again later.",
        _ => failure.detail(),
    }
}

pub(super) fn detail(failure: &Failure) -> Value {
    if let Failure::Refused(Refusal::RateLimited { spent, .. }) = failure {
        return json!({ "total_permitted": spent.permitted });
    }
    match failure.cause() {
        Cause::MissingScope => json!({ "scopes": [failure.missing_scope().map(Scope::as_str)] }),
        Cause::NotQueued => json!({ "details": "The registry cannot be written." }),
        _ => json!({}),
    }
}

/// This dialect's column of docs/api/README.md, and the codes of docs/api/access-keys.md.
pub(super) fn status_and_code(cause: Cause) -> (StatusCode, &'static str) {
    match cause {
        Cause::NoCredential => (StatusCode::BAD_REQUEST, "missing_api_token"),
        Cause::BadCredential
        | Cause::BadApiKey
        | Cause::BadSession
        | Cause::ExpiredCredential
        | Cause::MissingClaims => (StatusCode::FORBIDDEN, "invalid_api_token"),
        Cause::BadCapability => (StatusCode::FORBIDDEN, "invalid_capabilities_token"),
        Cause::MissingScope => (StatusCode::FORBIDDEN, "scope_not_granted"),
        Cause::NotEntitled => (StatusCode::FORBIDDEN, "permission_denied"),
        Cause::Network => (StatusCode::FORBIDDEN, "unauthorized_network_for_api_token"),
        Cause::NotFound => (StatusCode::NOT_FOUND, "object_storage_access_key_not_found"),
        Cause::NotQueued => (StatusCode::NOT_ACCEPTABLE, "task_queueing_error"),
        Cause::Malformed | Cause::Unprocessable | Cause::ClientTooOld => {
            (StatusCode::BAD_REQUEST, "invalid_request")
        }
        Cause::Conflict => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "object_storage_provisioning_error",
        ),
        Cause::Rate => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_reached"),
        Cause::AuthorizationServer
        | Cause::AuthorizationServerTimeout
        | Cause::Store
        | Cause::StoreTimeout
        | Cause::Ours
        | Cause::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable"),
        Cause::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        Cause::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
        Cause::UnsupportedMediaType => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
        }
    }
}
