use actix_web::http::header;
use actix_web::{HttpRequest, web};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::service::Refusal;

use super::failure::{Failure, TOKEN_IN_BODY};

/// The longest body of a vending route, in bytes (contract section 3).
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Reads a body that has nothing to say: empty, whatever `Content-Type` claims, or `{}`.
pub(super) async fn read_empty_body(
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<(), Failure> {
    let body = payload
        .to_bytes_limited(MAX_BODY_BYTES)
        .await
        .map_err(|_| Failure::PayloadTooLarge)?
        .map_err(|_| Refusal::MalformedRequest("The request's body broke off."))?;
    if body.is_empty() {
        return Ok(());
    }
    match media_type(request).as_str() {
        "application/json" => check_json(&body),
        "application/x-www-form-urlencoded" if holds_token(&body) => Err(token_in_body()),
        _ => Err(Failure::UnsupportedMediaType),
    }
}

fn media_type(request: &HttpRequest) -> String {
    let value = request.headers().get(header::CONTENT_TYPE);
    let value = value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn check_json(body: &[u8]) -> Result<(), Failure> {
    let members: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|_| Refusal::MalformedRequest("The body is not a JSON object."))?;
    if members.contains_key("access_token") {
        return Err(token_in_body());
    }
    if members.is_empty() {
        return Ok(());
    }
    Err(Refusal::MalformedRequest("The body holds a member; this route takes none.").into())
}

fn holds_token(body: &[u8]) -> bool {
    form_urlencoded::parse(body).any(|(name, _)| name == "access_token")
}

fn token_in_body() -> Failure {
    Failure::Refused(Refusal::MalformedRequest(TOKEN_IN_BODY))
}
