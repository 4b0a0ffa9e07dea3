use std::fmt::Display;

use openidconnect::http::{Method, Request};
use secrecy::{ExposeSecret as _, SecretString};
use url::{Url, form_urlencoded};

use super::{Http, Login, LoginError};

/// Revokes the tokens (RFC 7009): the refresh token first, for it is worth more. Returns false if the
/// authorization server has no such endpoint.
///
/// # Errors
///
/// [`LoginError`] when the authorization server cannot be asked, or refuses.
pub async fn revoke(login: &Login, http: &Http) -> Result<bool, LoginError> {
    let Some(endpoint) = &login.revocation_endpoint else {
        return Ok(false);
    };
    let granted = &login.granted;
    let refresh_token = granted.refresh_token.as_ref();
    let tokens = refresh_token.map(|token| (token, "refresh_token"));
    let tokens = tokens.into_iter();
    for (token, hint) in tokens.chain([(&granted.access_token, "access_token")]) {
        revoke_one(login, endpoint, token, hint, http).await?;
    }
    Ok(true)
}

/// Not by openidconnect, which refuses an endpoint without TLS even on loopback.
async fn revoke_one(
    login: &Login,
    endpoint: &Url,
    token: &SecretString,
    hint: &str,
    http: &Http,
) -> Result<(), LoginError> {
    let failed = |what: &dyn Display| LoginError::server(&login.issuer, what);
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("token", token.expose_secret())
        .append_pair("token_type_hint", hint)
        .append_pair("client_id", &login.client_id)
        .finish();
    let request = Request::builder()
        .method(Method::POST)
        .uri(endpoint.as_str())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.into_bytes())
        .map_err(|_| failed(&"the revocation endpoint is not an address"))?;
    let answer = http.clone().send(request).await;
    let answer = answer.map_err(|error| failed(&error))?;
    if answer.status().is_success() {
        return Ok(());
    }
    Err(failed(&format!(
        "the answer to a revocation is {}",
        answer.status()
    )))
}
