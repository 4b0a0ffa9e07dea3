use chrono::Utc;
use serde_json::{Value, json};

use crate::embedded::random::hex_digits;

use super::State;

/// An access token (RFC 9068 section 2.2) for the gateway, less the claims that are unwanted.
pub(super) fn access_token(
    state: &State,
    user: &str,
    client_id: &str,
    scope: &str,
    expires_in: i64,
    without: &[&str],
) -> Option<String> {
    let now = now();
    let claims = json!({
        "iss": state.issuer,
        "sub": user,
        "client_id": client_id,
        "aud": state.resource_server.client_id,
        "scope": scope,
        "iat": now,
        "exp": now.saturating_add(expires_in),
        "jti": hex_digits(16).ok()?,
    });
    let Value::Object(mut claims) = claims else {
        return None;
    };
    claims.retain(|name, _| !without.contains(&name.as_str()));
    state.signer.sign("at+jwt", &claims)
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "this is a foreign system with a clock of its own"
)]
pub(super) fn now() -> i64 {
    Utc::now().timestamp()
}
