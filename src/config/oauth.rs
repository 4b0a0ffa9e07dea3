use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::adapters::oauth::is_confidential;
use crate::domain::Scope;

use super::reader::Reader;

const DEFAULT_SCOPE: &str = "com.cleverbase.storage";
const DEFAULT_CACHE: Duration = Duration::from_secs(10);

/// `oauth.*`: the authorization server, and who the gateway is there.
#[derive(Clone, Debug)]
pub struct OauthConfig {
    /// `oauth.issuer`: whose tokens count, byte for byte.
    pub issuer: String,
    /// `oauth.discovery_url`: where metadata are read; the issuer's own address by default.
    pub discovery_url: Url,
    /// `oauth.introspection_endpoint`: from discovery by default.
    pub introspection_endpoint: Option<Url>,
    /// `oauth.client_id`: the gateway's own client.
    pub client_id: String,
    /// `oauth.client_secret`: its secret.
    pub client_secret: SecretString,
    /// `oauth.required_scope`: the word that a token must hold.
    pub required_scope: Scope,
    /// `oauth.audience`: when set, `aud` must hold it.
    pub audience: Option<String>,
    /// `oauth.introspection_cache`: the revocation budget; zero asks every time.
    pub introspection_cache: Duration,
    /// `oauth.allow_http`: plain http to a host that is not loopback.
    pub allow_http: bool,
    /// `oauth.ca_file`: private certificate authorities (PEM).
    pub authorities: Option<Vec<u8>>,
}

impl OauthConfig {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let allow_http = reader.parse("oauth.allow_http", false);
        let issuer = reader.required::<String>("oauth.issuer");
        let address = issuer
            .as_deref()
            .and_then(|issuer| parse_issuer(reader, issuer));
        let discovery_url = reader.optional::<Url>("oauth.discovery_url");
        let introspection_endpoint = reader.optional::<Url>("oauth.introspection_endpoint");
        let discovery_url = discovery_url.and_then(|url| url.or(address));
        let client_id = reader.required::<String>("oauth.client_id");
        let client_secret = reader.secret("oauth.client_secret");
        if matches!(client_secret, Some(None)) {
            reader.error("oauth.client_secret", "is required");
        }
        let required_scope = reader.parse("oauth.required_scope", DEFAULT_SCOPE.to_owned());
        let required_scope = required_scope.and_then(|word| match Scope::parse(&word) {
            Ok(scope) => Some(scope),
            Err(error) => {
                reader.error("oauth.required_scope", error);
                None
            }
        });
        let audience = reader.optional("oauth.audience");
        let cache = reader.duration("oauth.introspection_cache", DEFAULT_CACHE);
        let authorities = reader.authorities("oauth.ca_file");
        let endpoint = introspection_endpoint.as_ref().and_then(Option::as_ref);
        check_address(reader, "oauth.discovery_url", discovery_url.as_ref());
        check_address(reader, "oauth.introspection_endpoint", endpoint);
        if allow_http == Some(false) {
            refuse_http(reader, "oauth.discovery_url", discovery_url.as_ref());
            refuse_http(reader, "oauth.introspection_endpoint", endpoint);
        }
        Some(Self {
            issuer: issuer?,
            discovery_url: discovery_url?,
            introspection_endpoint: introspection_endpoint?,
            client_id: client_id?,
            client_secret: client_secret??,
            required_scope: required_scope?,
            audience: audience?,
            introspection_cache: cache?,
            allow_http: allow_http?,
            authorities: authorities?,
        })
    }

    /// Whether tokens travel to the authorization server unprotected.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let endpoint = self.introspection_endpoint.as_ref();
        !is_confidential(endpoint.unwrap_or(&self.discovery_url))
    }
}

fn parse_issuer(reader: &mut Reader, issuer: &str) -> Option<Url> {
    match Url::parse(issuer) {
        Ok(url) if url.query().is_none() && url.fragment().is_none() && url.has_host() => Some(url),
        _ => {
            reader.error(
                "oauth.issuer",
                "must be a URL without query or fragment (RFC 8414)",
            );
            None
        }
    }
}

/// Refuses addresses that carry a password or are of no kind that the gateway speaks.
pub(super) fn check_address(reader: &mut Reader, key: &str, url: Option<&Url>) {
    let Some(url) = url else { return };
    if !["http", "https"].contains(&url.scheme()) {
        reader.error(key, "must start with https:// or http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        reader.error(key, "must not hold a user name or password");
    }
}

pub(super) fn refuse_http(reader: &mut Reader, key: &str, url: Option<&Url>) {
    if url.is_some_and(|url| url.scheme() == "http" && !is_confidential(url)) {
        let section = key.split('.').next().unwrap_or_default();
        reader.error(
            key,
            format!("is plain http to a host that is not loopback: use https or set {section}.allow_http"),
        );
    }
}
