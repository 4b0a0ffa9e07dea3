use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// The longest token accepted, in bytes (docs/call.md).
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// A Bearer token of which only the grammar is checked: `b64token` of RFC 6750 section 2.1, at most
/// [`MAX_TOKEN_BYTES`] long.
#[derive(Clone)]
pub struct AccessToken(SecretString);

/// The value is empty, too long or no `b64token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is empty, longer than {MAX_TOKEN_BYTES} bytes or not of RFC 6750's grammar")]
pub struct InvalidAccessToken;

impl AccessToken {
    /// Checks the grammar of RFC 6750 section 2.1.
    ///
    /// # Errors
    ///
    /// [`InvalidAccessToken`] when it does not hold.
    pub fn parse(value: &str) -> Result<Self, InvalidAccessToken> {
        if value.len() > MAX_TOKEN_BYTES || !is_b64token(value) {
            return Err(InvalidAccessToken);
        }
        Ok(Self(SecretString::from(value)))
    }

    /// The `typ` of its header (RFC 7519 section 5.1), if it begins like a JWT. Nothing is verified.
    #[must_use]
    pub fn jwt_type(&self) -> Option<String> {
        let (header, _) = self.expose().split_once('.')?;
        let header = URL_SAFE_NO_PAD.decode(header).ok()?;
        let header: Value = serde_json::from_slice(&header).ok()?;
        header.get("typ")?.as_str().map(str::to_owned)
    }

    /// The token itself. Only the authorization server may see it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(redacted)")
    }
}

fn is_b64token(value: &str) -> bool {
    let body = value.trim_end_matches('=');
    !body.is_empty()
        && body
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_rfc_6750s() {
        for good in ["a", "abc.def-_~+/", "abc==", "eyJ.eyJ.sig"] {
            assert!(AccessToken::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "", "=", "a b", "a=b", "\u{e4}", "a,b", "a\"", "a\tb", "a\0", " a", "a ",
        ] {
            assert!(AccessToken::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn eight_kibibytes_are_the_limit() {
        assert!(AccessToken::parse(&"a".repeat(MAX_TOKEN_BYTES)).is_ok());
        assert!(AccessToken::parse(&"a".repeat(MAX_TOKEN_BYTES + 1)).is_err());
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let token = AccessToken::parse("canary").unwrap();
        assert!(!format!("{token:?}").contains("canary"));
    }
}
