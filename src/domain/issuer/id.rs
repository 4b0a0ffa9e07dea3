use url::Url;

use crate::domain::text::impl_text;

const SPIFFE: &str = "spiffe://";

/// The longest trust domain (SPIFFE-ID section 2.1), in bytes.
const MAX_TRUST_DOMAIN_BYTES: usize = 255;

/// What tells an issuer's tokens from others: their `iss`, or a SPIFFE trust domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerId(String);

/// Neither an issuer's URL nor a trust domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIssuerId {
    /// No URL, or one that is no issuer's.
    #[error("must be a URL without query or fragment (RFC 8414), or spiffe://trust-domain")]
    Url,
    /// A SPIFFE ID that is more or less than a trust domain.
    #[error("must be spiffe:// and a trust domain of a-z, 0-9, '.', '-' and '_', without a path")]
    TrustDomain,
}

impl_text!(IssuerId);

impl IssuerId {
    /// Reads an issuer's URL, as tokens write it in `iss`, or `spiffe://trust-domain`.
    ///
    /// # Errors
    ///
    /// [`InvalidIssuerId`] when it is neither.
    pub fn parse(text: &str) -> Result<Self, InvalidIssuerId> {
        if let Some(domain) = text.strip_prefix(SPIFFE) {
            return if is_trust_domain(domain) {
                Ok(Self(text.to_owned()))
            } else {
                Err(InvalidIssuerId::TrustDomain)
            };
        }
        let url = Url::parse(text).map_err(|_| InvalidIssuerId::Url)?;
        let is_issuer = ["http", "https"].contains(&url.scheme())
            && url.query().is_none()
            && url.fragment().is_none()
            && url.has_host();
        is_issuer
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidIssuerId::Url)
    }

    /// Whether it is a SPIFFE trust domain. Its tokens are JWT-SVIDs, which have no `iss`.
    #[must_use]
    pub fn is_trust_domain(&self) -> bool {
        self.0.starts_with(SPIFFE)
    }

    /// Whether a token with these claims says that it comes from here. `iss` is compared byte for byte.
    #[must_use]
    pub fn claims_to_issue(&self, iss: Option<&str>, sub: Option<&str>) -> bool {
        if !self.is_trust_domain() {
            return iss == Some(self.0.as_str());
        }
        iss.is_none() && self.path_of(sub).is_some_and(is_spiffe_path)
    }

    fn path_of<'s>(&self, sub: Option<&'s str>) -> Option<&'s str> {
        sub?.strip_prefix(self.0.as_str())?.strip_prefix('/')
    }

    /// Whether a token with these claims may well come from here, though it does not say so as it must:
    /// another spelling of `iss`, or a JWT-SVID with one.
    #[must_use]
    pub fn may_issue(&self, iss: Option<&str>, sub: Option<&str>) -> bool {
        if self.is_trust_domain() {
            return self.path_of(sub).is_some();
        }
        iss.is_some_and(|iss| canonical(iss) == self.canonical())
    }

    /// The same for every spelling of one address: the case of the host, the port 443, a slash or a
    /// dot at the end, and http for https make no difference.
    #[must_use]
    pub fn canonical(&self) -> String {
        canonical(&self.0)
    }
}

fn canonical(text: &str) -> String {
    let Ok(url) = Url::parse(text) else {
        return text.to_owned();
    };
    let scheme = match url.scheme() {
        "http" => "https",
        scheme => scheme,
    };
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let port = url.port().filter(|port| ![80, 443].contains(port));
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    let path = url.path().trim_end_matches('/');
    format!("{scheme}://{host}{port}{path}")
}

fn is_trust_domain(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    (1..=MAX_TRUST_DOMAIN_BYTES).contains(&text.len()) && text.bytes().all(allowed)
}

/// SPIFFE-ID section 2.2.
fn is_spiffe_path(path: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    path.split('/')
        .all(|segment| !["", ".", ".."].contains(&segment) && segment.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> IssuerId {
        IssuerId::parse(text).unwrap()
    }

    #[test]
    fn an_issuer_is_a_url_or_a_trust_domain() {
        for good in [
            "https://token.actions.githubusercontent.com",
            "https://gitlab.com/",
            "http://127.0.0.1:8081",
            "spiffe://example.org",
        ] {
            assert!(IssuerId::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "github",
            "https://",
            "https://a?b",
            "https://a#b",
            "ftp://a",
            "spiffe://",
            "spiffe://Example.org",
            "spiffe://example.org/",
            "spiffe://example.org/ns/a",
            "spiffe://example.org:8443",
        ] {
            assert!(IssuerId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn iss_is_compared_byte_for_byte() {
        let gitlab = id("https://gitlab.com");
        assert!(gitlab.claims_to_issue(Some("https://gitlab.com"), None));
        for other in [
            "https://gitlab.com/",
            "https://gitlab.com ",
            "https://GitLab.com",
            "http://gitlab.com",
            "https://gitlab.com:443",
            "https://gitlab.co\u{43c}",
            "gitlab.com",
            "",
        ] {
            assert!(!gitlab.claims_to_issue(Some(other), None), "{other}");
        }
        assert!(!gitlab.claims_to_issue(None, Some("https://gitlab.com")));
    }

    #[test]
    fn a_trust_domain_issues_its_own_ids_without_iss() {
        let domain = id("spiffe://example.org");
        let issued = |sub| domain.claims_to_issue(None, Some(sub));
        assert!(issued("spiffe://example.org/ns/a"));
        for other in [
            "spiffe://example.org",
            "spiffe://example.org/",
            "spiffe://example.org/ns/a/",
            "spiffe://example.org/ns//a",
            "spiffe://example.org/ns/./a",
            "spiffe://example.org/ns/../a",
            "spiffe://example.org/ns/a?b",
            "spiffe://example.org/ns/a#b",
            "spiffe://example.org/ns/%2e%2e/a",
            "spiffe://example.org.evil/ns/a",
            "spiffe://example.orgs/ns/a",
            "spiffe://evil/spiffe://example.org/ns/a",
            "alice",
        ] {
            assert!(!issued(other), "{other}");
        }
        assert!(!domain.claims_to_issue(None, None));
        for iss in ["spiffe://example.org", "https://example.org", ""] {
            let sub = Some("spiffe://example.org/ns/a");
            assert!(!domain.claims_to_issue(Some(iss), sub), "{iss}");
        }
    }

    #[test]
    fn spellings_of_one_address_are_known_as_one() {
        for spelling in [
            "https://gitlab.com",
            "https://gitlab.com/",
            "https://gitlab.com//",
            "https://GitLab.COM",
            "HTTPS://gitlab.com",
            "http://gitlab.com",
            "https://gitlab.com:443",
            "https://gitlab.com./",
            "https://user@gitlab.com",
        ] {
            assert_eq!(id(spelling).canonical(), "https://gitlab.com", "{spelling}");
        }
        assert_eq!(id("https://a:8443/b/").canonical(), "https://a:8443/b");
        assert_ne!(id("https://gitlab.co").canonical(), "https://gitlab.com");
    }
}
