//! The problem types as answers: RFC 9457, with the challenges of RFC 6750 and RFC 9728.

use actix_web::http::header;
use actix_web::{HttpResponse, ResponseError};
use problem_details::ProblemDetails;
use serde::Serialize;

use crate::domain::{RequestId, Scope};
use crate::service::Refusal;

use crate::http::exchange::Exchange;
use crate::http::middleware::request_log::Words;
use crate::http::observer::NO_DIALECT;
use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;
use crate::http::problems::pages;
use crate::http::problems::types::ProblemType;
use crate::http::protected_resource;
use crate::http::state::Gateway;

/// Seconds until a shed request may be worth another try.
const RETRY_WHEN_OVERLOADED: u64 = 1;

/// `instance` goes in as an extension member: the crate's own is an `http::Uri`, which cannot
/// hold a `urn:uuid:`.
#[derive(Debug, Serialize)]
struct Instance {
    instance: String,
}

/// How every route without a dialect of its own words its refusals.
pub(crate) const PROBLEM_DETAILS: Words = Words {
    dialect: NO_DIALECT,
    refuse: answer,
    outcome: |cause| cause.problem_type().slug(),
};

/// The failure as problem details, with all its headers; an unknown address is a page in browsers.
pub(crate) fn answer(failure: &Failure, exchange: &Exchange) -> HttpResponse {
    if let (Failure::NotFound, Some(page)) = (failure, pages::not_found(exchange)) {
        return page;
    }
    let mut response = answer_as(failure.problem_type(), failure, exchange);
    set_challenge(&mut response, failure, &exchange.gateway);
    response
}

/// The failure as a problem of this type, without a challenge.
pub(crate) fn answer_as(
    problem: ProblemType,
    failure: &Failure,
    exchange: &Exchange,
) -> HttpResponse {
    let detail = failure.own_detail().unwrap_or_else(|| problem.detail());
    let mut response = body(problem, detail, exchange.request_id, &exchange.gateway);
    set_retry_and_allow(&mut response, failure);
    response
}

/// `WWW-Authenticate`, where the failure has one: for every dialect that takes Bearer tokens.
pub(crate) fn set_challenge(response: &mut HttpResponse, failure: &Failure, gateway: &Gateway) {
    let scope = failure.missing_scope().unwrap_or(&gateway.required_scope);
    if let Some(challenge) = challenge(failure.problem_type(), scope, gateway) {
        set(response, header::WWW_AUTHENTICATE, challenge);
    }
}

/// `Retry-After` and `Allow`, where the failure has them: for every dialect.
pub(crate) fn set_retry_and_allow(response: &mut HttpResponse, failure: &Failure) {
    if let Some(seconds) = retry_after(failure) {
        set(response, header::RETRY_AFTER, seconds.to_string());
    }
    if let Failure::MethodNotAllowed(allowed) = failure {
        let allowed: Vec<&str> = allowed
            .iter()
            .map(actix_web::http::Method::as_str)
            .collect();
        set(response, header::ALLOW, allowed.join(", "));
    }
}

fn set(response: &mut HttpResponse, name: header::HeaderName, value: String) {
    if let Ok(value) = header::HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The body alone.
pub(crate) fn body(
    problem: ProblemType,
    detail: &'static str,
    request_id: RequestId,
    gateway: &Gateway,
) -> HttpResponse {
    let mut details = ProblemDetails::new()
        .with_title(problem.title())
        .with_detail(detail)
        .with_extensions(Instance {
            instance: request_id.urn(),
        });
    // actix-web is on http 0.2, this crate on 1.x.
    details.status = http::StatusCode::from_u16(problem.status().as_u16()).ok();
    details.r#type = gateway
        .link(&format!("/problems/{}", problem.slug()))
        .parse::<http::Uri>()
        .ok()
        .map(Into::into);
    details.error_response()
}

/// RFC 6750 section 3: a request without a credential learns no error code.
pub(crate) fn challenge(problem: ProblemType, scope: &Scope, gateway: &Gateway) -> Option<String> {
    let error = match problem {
        ProblemType::MissingToken => String::new(),
        ProblemType::InvalidToken => "error=\"invalid_token\", ".to_owned(),
        ProblemType::InsufficientScope => {
            format!("error=\"insufficient_scope\", scope=\"{scope}\", ")
        }
        ProblemType::MissingClaims | ProblemType::InvalidRequest => {
            "error=\"invalid_request\", ".to_owned()
        }
        ProblemType::InvalidApiKey
        | ProblemType::StorageNotEntitled
        | ProblemType::NotFound
        | ProblemType::MethodNotAllowed
        | ProblemType::BucketConflict
        | ProblemType::PayloadTooLarge
        | ProblemType::HeadersTooLarge
        | ProblemType::RequestTimeout
        | ProblemType::UnsupportedMediaType
        | ProblemType::ClientTooOld
        | ProblemType::RateLimited
        | ProblemType::InternalError
        | ProblemType::ProvisioningFailed
        | ProblemType::IdentificationUnavailable
        | ProblemType::StorageUnavailable
        | ProblemType::Overloaded => return None,
    };
    let metadata = gateway.link(protected_resource::PATH);
    Some(format!(
        "Bearer {error}realm=\"cloakroom\", resource_metadata=\"{metadata}\""
    ))
}

fn retry_after(failure: &Failure) -> Option<u64> {
    match failure {
        Failure::Refused(Refusal::RateLimited { spent, .. }) => {
            let retry_after = spent.retry_after;
            // Rounded up, so that a client that waits this long is let in.
            Some(retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0))
        }
        _ if failure.cause() == Cause::Overloaded => Some(RETRY_WHEN_OVERLOADED),
        _ => None,
    }
}
