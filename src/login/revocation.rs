use std::fmt::Display;

use openidconnect::http::{Method, Request, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::{Http, Login, LoginError};

const REFRESH_TOKEN: &str = "refresh_token";
const ACCESS_TOKEN: &str = "access_token";

/// What became of the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// They are good for nothing.
    Revoked,
    /// The authorization server has no such endpoint.
    Unsupported,
    /// The authorization server refuses, now and later.
    Refused(StatusCode),
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// Revokes the tokens (RFC 7009): the refresh token first, for it is worth more. The other is tried even if
/// that fails.
///
/// # Errors
///
/// [`LoginError`] when the authorization server cannot be asked or fails: a later call may work.
pub async fn revoke(login: &Login, http: &Http) -> Result<Revocation, LoginError> {
    let Some(endpoint) = &login.revocation_endpoint else {
        return Ok(Revocation::Unsupported);
    };
    let granted = &login.granted;
    let refresh = match &granted.refresh_token {
        Some(token) => revoke_one(login, endpoint, token, REFRESH_TOKEN, http).await,
        None => Ok(Revocation::Revoked),
    };
    let access = revoke_one(login, endpoint, &granted.access_token, ACCESS_TOKEN, http).await;
    match refresh? {
        Revocation::Revoked => access,
        refused => access.and(Ok(refused)),
    }
}

/// Not by openidconnect, which refuses an endpoint without TLS even on loopback.
async fn revoke_one(
    login: &Login,
    endpoint: &Url,
    token: &SecretString,
    hint: &str,
    http: &Http,
) -> Result<Revocation, LoginError> {
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
    match answer.status() {
        status if status.is_success() => Ok(Revocation::Revoked),
        // Such access tokens end by themselves (RFC 7009 section 2.2.1).
        _ if hint == ACCESS_TOKEN && is_unsupported(answer.body()) => Ok(Revocation::Revoked),
        status if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
            Ok(Revocation::Refused(status))
        }
        status => Err(failed(&format!("the answer to a revocation is {status}"))),
    }
}

fn is_unsupported(body: &[u8]) -> bool {
    let refusal = serde_json::from_slice::<Refusal>(body);
    refusal.is_ok_and(|refusal| refusal.error == "unsupported_token_type")
}
