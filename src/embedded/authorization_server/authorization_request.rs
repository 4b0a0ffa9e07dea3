use serde::Deserialize;
use url::Url;

use super::loopback::is_loopback;

/// The request with which a client sends people here.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AuthorizationRequest {
    pub(super) response_type: String,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) scope: String,
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) code_challenge: String,
    pub(super) code_challenge_method: String,
}

pub(super) enum AuthorizationError {
    /// There is nowhere to send people back to, so a page tells them.
    OnPage(&'static str),
    /// The client is told in the redirect (RFC 6749 section 4.1.2.1).
    InRedirect(Url, &'static str, &'static str),
}

impl AuthorizationRequest {
    /// Accepts any client on this machine (RFC 8252 section 7.3) that uses PKCE. Returns its redirect
    /// URI.
    pub(super) fn check(&self) -> Result<Url, AuthorizationError> {
        let redirect = Url::parse(&self.redirect_uri)
            .ok()
            .filter(|url| is_loopback(url) && url.fragment().is_none())
            .ok_or(AuthorizationError::OnPage(
                "redirect_uri must be an address on this machine (http://127.0.0.1:… or http://localhost:…)",
            ))?;
        if self.client_id.is_empty() {
            return Err(AuthorizationError::OnPage("client_id is missing"));
        }
        let refuse = |error, why| Err(AuthorizationError::InRedirect(redirect.clone(), error, why));
        if self.response_type != "code" {
            return refuse("unsupported_response_type", "only code is supported");
        }
        if self.code_challenge.is_empty() || self.code_challenge_method != "S256" {
            return refuse("invalid_request", "PKCE with S256 is required");
        }
        Ok(redirect)
    }
}
