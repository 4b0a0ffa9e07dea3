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
        decode(header)?.get("typ")?.as_str().map(str::to_owned)
    }

    /// The `iss` and the `sub` that a token claims if it looks like a signed JWT: three parts, the first a
    /// JSON object with an `alg`. Nothing is verified: they only say with whose keys to try.
    #[must_use]
    pub fn said_to_be_of(&self) -> Option<(Option<String>, Option<String>)> {
        let parts: Vec<&str> = self.expose().split('.').collect();
        let [header, claims, _] = parts.as_slice() else {
            return None;
        };
        decode(header)?.get("alg")?;
        let claims = decode(claims)?;
        let text = |name| claims.get(name)?.as_str().map(str::to_owned);
        Some((text("iss"), text("sub")))
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

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
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
    fn a_jwt_says_whose_it_is() {
        let said = |header: &str, claims: &str| {
            let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
            let token = format!("{}.{}.x", encode(header), encode(claims));
            AccessToken::parse(&token).unwrap().said_to_be_of()
        };
        let alg = r#"{"alg":"ES256"}"#;
        let text = |text: &str| Some(text.to_owned());
        let both = said(alg, r#"{"iss":"a","sub":"b"}"#);
        assert_eq!(both, Some((text("a"), text("b"))));
        assert_eq!(said(alg, r#"{"iss":7}"#), Some((None, None)));
        assert_eq!(said("{}", r#"{"iss":"a"}"#), None);
        assert_eq!(said(alg, "nonsense"), None);
        let opaque = AccessToken::parse("a.b").unwrap();
        assert_eq!(opaque.said_to_be_of(), None);
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let token = AccessToken::parse("canary").unwrap();
        assert!(!format!("{token:?}").contains("canary"));
    }
}
