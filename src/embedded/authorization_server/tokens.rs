use serde::Serialize;
use serde_json::json;

use super::grants::Consent;
use super::state::State;
use crate::embedded::clock::now;
use crate::embedded::random::hex_digits;

#[derive(Serialize)]
struct IdTokenClaims<'a> {
    aud: &'a str,
    exp: i64,
    iat: i64,
    iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    sub: &'a str,
}

/// An access token for the gateway (RFC 9068 section 2.2), without these claims.
pub(super) fn access_token(
    state: &State,
    consent: &Consent,
    expires_in: i64,
    without: &[&str],
) -> Option<String> {
    let now = now().timestamp();
    let mut claims = json!({
        "iss": state.issuer,
        "sub": consent.user,
        "client_id": consent.client_id,
        "aud": state.resource_server.client_id,
        "scope": consent.scope,
        "iat": now,
        "exp": now.saturating_add(expires_in),
        "jti": hex_digits(16).ok()?,
    });
    let kept = claims.as_object_mut()?;
    kept.retain(|name, _| !without.contains(&name.as_str()));
    state.signing_key.sign("at+jwt", &claims)
}

/// `OpenID Connect Core 1.0` section 2.
pub(super) fn id_token(state: &State, consent: &Consent, expires_in: i64) -> Option<String> {
    let now = now().timestamp();
    let claims = IdTokenClaims {
        aud: &consent.client_id,
        exp: now + expires_in,
        iat: now,
        iss: &state.issuer,
        nonce: consent.nonce.as_deref(),
        sub: &consent.user,
    };
    state.signing_key.sign("JWT", &claims)
}
