use std::str::FromStr;
use std::time::Duration;

use url::Url;

use crate::adapters::Current;
use crate::adapters::oauth::is_confidential;
use crate::domain::Scope;

use super::addresses::{check_address, refuse_http};
use super::client::{self, OauthClient};
use super::http::HttpConfig;
use super::reader::Reader;

const DEFAULT_SCOPE: &str = "com.cleverbase.storage";
const DEFAULT_CACHE: &str = "10s";
/// 16 MiB.
const DEFAULT_CACHE_BYTES: &str = "16777216";

/// `oauth.*`: the authorization server, and who the gateway is there.
#[derive(Clone, Debug)]
pub struct OauthConfig {
    /// `oauth.issuer`: whose tokens count, byte for byte.
    pub issuer: String,
    /// `oauth.discovery_url`: where metadata are read; the issuer's own address by default.
    pub discovery_url: Url,
    /// `oauth.introspection_endpoint`: from discovery by default.
    pub introspection_endpoint: Option<Url>,
    /// `oauth.jwks_uri`: from discovery by default.
    pub jwks_uri: Option<Url>,
    /// `oauth.validation`: who is believed.
    pub validation: ValidationMode,
    /// `oauth.accept_plain_jwt`: `typ: JWT` passes for an access token.
    pub accept_plain_jwt: bool,
    /// The gateway's own client; required for introspection.
    pub client: Option<OauthClient>,
    /// `oauth.required_scope`: the word that a token must hold.
    pub required_scope: Scope,
    /// `oauth.audience`: when set, `aud` must hold it.
    pub audience: Option<String>,
    /// `oauth.introspection_cache`: the revocation budget; zero asks every time.
    pub introspection_cache: Duration,
    /// `oauth.introspection_cache_bytes`: how much memory the remembered answers may take.
    pub introspection_cache_bytes: u64,
    /// `oauth.max_in_flight`: how many requests may wait for the authorization server at once;
    /// half of `http.max_in_flight` by default.
    pub max_in_flight: usize,
    /// `oauth.allow_http`: plain http to a host that is not loopback.
    pub allow_http: bool,
    /// `oauth.ca_file`: private certificate authorities (PEM).
    pub authorities: Current<Option<Vec<u8>>>,
}

/// Who is believed about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidationMode {
    /// The authorization server, asked (RFC 7662).
    Introspection,
    /// The token's signature (RFC 9068).
    Jwt,
    /// A signed token needs both; an opaque one is asked about.
    JwtThenIntrospection,
}

/// Not one of the modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of introspection, jwt, jwt-then-introspection")]
pub struct UnknownMode;

impl ValidationMode {
    /// Whether the authorization server is asked about tokens.
    #[must_use]
    pub fn asks(self) -> bool {
        self != Self::Jwt
    }

    /// Whether signatures are checked here.
    #[must_use]
    pub fn reads(self) -> bool {
        self != Self::Introspection
    }
}

impl FromStr for ValidationMode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text {
            "introspection" => Ok(Self::Introspection),
            "jwt" => Ok(Self::Jwt),
            "jwt-then-introspection" => Ok(Self::JwtThenIntrospection),
            _ => Err(UnknownMode),
        }
    }
}

impl OauthConfig {
    pub(super) fn read(reader: &mut Reader, http: Option<&HttpConfig>) -> Option<Self> {
        let allow_http = reader.parse("oauth.allow_http", "false");
        let issuer = reader.required::<String>("oauth.issuer");
        let address = issuer
            .as_deref()
            .and_then(|issuer| parse_issuer(reader, issuer));
        let mut endpoint = |key: &str, default: Option<Url>| {
            let url = reader.url(key);
            // A wrong default is the issuer's mistake.
            let key = match &url {
                Some(None) => "oauth.issuer",
                _ => key,
            };
            let url = url.map(|url| url.or(default));
            let known = url.as_ref().and_then(Option::as_ref);
            check_address(reader, key, known);
            if allow_http == Some(false) {
                refuse_http(reader, key, known);
            }
            url
        };
        let discovery_url = endpoint("oauth.discovery_url", address);
        let introspection_endpoint = endpoint("oauth.introspection_endpoint", None);
        let jwks_uri = endpoint("oauth.jwks_uri", None);
        let validation = reader.parse("oauth.validation", "introspection");
        let client = client::read(reader, validation.is_some_and(ValidationMode::asks));
        let required_scope = reader.parse::<String>("oauth.required_scope", DEFAULT_SCOPE);
        let required_scope = required_scope.and_then(|word| {
            let scope = Scope::parse(&word);
            scope
                .map_err(|error| reader.error("oauth.required_scope", error))
                .ok()
        });
        let audience = reader.optional("oauth.audience");
        if validation.is_some_and(ValidationMode::reads) && matches!(audience, Some(None)) {
            reader.error(
                "oauth.audience",
                "is required when oauth.validation is jwt or jwt-then-introspection: without it, \
                 tokens meant for any other service would do",
            );
        }
        let accept_plain_jwt = reader.parse("oauth.accept_plain_jwt", "false");
        let cache = reader.duration("oauth.introspection_cache", DEFAULT_CACHE);
        let cache_bytes = reader.parse("oauth.introspection_cache_bytes", DEFAULT_CACHE_BYTES);
        let max_in_flight = read_max_in_flight(reader, http);
        let authorities = reader.authorities("oauth.ca_file");
        match validation {
            Some(ValidationMode::Introspection) => reader.no_effect(
                &["oauth.accept_plain_jwt", "oauth.jwks_uri"],
                "when oauth.validation is introspection",
            ),
            Some(ValidationMode::Jwt) => reader.no_effect(
                &[
                    "oauth.introspection_endpoint",
                    "oauth.introspection_cache",
                    "oauth.introspection_cache_bytes",
                    "oauth.client_id",
                    "oauth.client_secret",
                    "oauth.client_private_key",
                    "oauth.client_authentication",
                ],
                "when oauth.validation is jwt",
            ),
            _ => {}
        }
        Some(Self {
            issuer: issuer?,
            discovery_url: discovery_url??,
            introspection_endpoint: introspection_endpoint?,
            jwks_uri: jwks_uri?,
            validation: validation?,
            accept_plain_jwt: accept_plain_jwt?,
            client: client?,
            required_scope: required_scope?,
            audience: audience?,
            introspection_cache: cache?,
            introspection_cache_bytes: cache_bytes?,
            max_in_flight: max_in_flight?,
            allow_http: allow_http?,
            authorities: authorities?,
        })
    }

    /// Whether tokens travel to the authorization server unprotected.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let mut used = vec![&self.discovery_url];
        used.extend(&self.introspection_endpoint);
        used.extend(&self.jwks_uri);
        !used.into_iter().all(is_confidential)
    }
}

/// As many as all requests would leave no place to those that need no authorization server.
fn read_max_in_flight(reader: &mut Reader, http: Option<&HttpConfig>) -> Option<usize> {
    const KEY: &str = "oauth.max_in_flight";
    let given = reader.optional::<usize>(KEY)?;
    let all = http?.max_in_flight;
    let Some(given) = given else {
        return Some((all / 2).max(1));
    };
    if given == 0 || given >= all {
        reader.error(KEY, "must be at least 1 and less than http.max_in_flight");
    }
    Some(given)
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
