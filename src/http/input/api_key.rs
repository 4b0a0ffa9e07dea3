use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::{ApiKey, ApiKeyError, InvalidApiKey};
use crate::service::Refusal;

const X_API_KEY: &str = "x-api-key";

/// A 401 names a scheme (RFC 9110 section 15.5.2); there is no registered one for API keys.
const CHALLENGE: HeaderValue = HeaderValue::from_static("ApiKey realm=\"cloakroom\"");

/// The API key of a request: from the header `x-api-key`, exactly one.
pub(crate) fn api_key(request: &HttpRequest) -> Result<ApiKey, Refusal> {
    let mut values = request.headers().get_all(X_API_KEY);
    let value = values.next().ok_or(Refusal::MissingCredential)?;
    if values.next().is_some() {
        return Err(Refusal::MalformedRequest(
            "The header x-api-key appears more than once.",
        ));
    }
    let text = value.to_str().map_err(|_| InvalidApiKey::Foreign);
    let key = text.and_then(ApiKey::parse);
    Ok(key.map_err(ApiKeyError::from)?)
}

/// Asks for an API key, in an answer with status 401.
pub(crate) fn challenge_for_api_key(response: &mut HttpResponse) {
    response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
}
