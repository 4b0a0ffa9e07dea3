use std::num::NonZeroUsize;
use std::time::Duration;

use clap::ValueEnum;
use url::Url;

use crate::adapters::Current;
use crate::adapters::oauth::is_confidential;
use crate::domain::Scope;

use super::addresses::check_address;
use super::client::{OauthClient, UNLESS_JWT};
use super::http::HttpConfig;
use super::key::{Condition, Key, Kind};
use super::reader::{Read, Reader};
use super::value::{Choice, Value};

const ISSUER: Key = Key::new(
    "oauth.issuer",
    "The issuer whose tokens are accepted; compared byte for byte. The gateway reads its metadata by \
     OpenID Connect discovery, or else by RFC 8414.",
)
.required();

const DISCOVERY_URL: Key = Key::new(
    "oauth.discovery_url",
    "Where the metadata is read if the gateway cannot reach the issuer by its own name.",
)
.otherwise("`oauth.issuer`");

const INTROSPECTION_ENDPOINT: Key = Key::new(
    "oauth.introspection_endpoint",
    "Where the gateway asks about tokens (RFC 7662).",
)
.otherwise("from discovery")
.conditions(&[UNLESS_JWT]);

const JWKS_URI: Key = Key::new(
    "oauth.jwks_uri",
    "Where the gateway reads the keys that sign tokens.",
)
.otherwise("from discovery")
.conditions(&[UNLESS_INTROSPECTION]);

const VALIDATION: Key = Key::new(
    "oauth.validation",
    "How tokens are checked: `introspection` asks the authorization server at every call and caches \
     the answer; `jwt` only checks the signature; `jwt-then-introspection` does both.",
)
.default("introspection");

const ACCEPT_PLAIN_JWT: Key = Key::new(
    "oauth.accept_plain_jwt",
    "Whether a signed token may have the type `JWT`, as Keycloak's have, instead of `at+jwt`.",
)
.default("false")
.conditions(&[UNLESS_INTROSPECTION]);

const REQUIRED_SCOPE: Key = Key::new(
    "oauth.required_scope",
    "The word that a token's `scope` must contain.",
)
.default("com.cleverbase.storage");

const AUDIENCE: Key = Key::new(
    "oauth.audience",
    "If set, a token's `aud` must contain it. Required for `jwt` and `jwt-then-introspection`.",
);

const INTROSPECTION_CACHE: Key = Key::new(
    "oauth.introspection_cache",
    "How long an answer about a token is remembered, and so how long a revoked token may still \
     work. `0s` asks every time.",
)
.default("10s")
.conditions(&[UNLESS_JWT]);

const INTROSPECTION_CACHE_BYTES: Key = Key::new(
    "oauth.introspection_cache_bytes",
    "How much memory the remembered answers may take, in bytes (16 MiB by default).",
)
.default("16777216")
.conditions(&[UNLESS_JWT]);

const MAX_IN_FLIGHT: Key = Key::new(
    "oauth.max_in_flight",
    "How many requests may wait for the authorization server at once; at most half of them, and at \
     most 64, for the same token. Further ones get 503.",
)
.otherwise("half of `http.max_in_flight`");

const ALLOW_HTTP: Key = Key::new(
    "oauth.allow_http",
    "Whether the authorization server may be reached over plain http on another machine.",
)
.default("false");

const CA_FILE: Key = Key::new(
    "oauth.ca_file",
    "Certificate authorities (PEM) to trust for the authorization server. The file may be replaced \
     while the gateway runs.",
)
.otherwise("the system's")
.see("Files that change", "files.md#files-that-change");

const UNLESS_INTROSPECTION: Condition = Condition::Unless(VALIDATION.name, "introspection");

/// `oauth.*`
#[derive(Clone, Debug)]
pub struct OauthConfig {
    /// `oauth.issuer`
    pub issuer: String,
    /// `oauth.discovery_url`, or the issuer's own address
    pub discovery_url: Url,
    /// `oauth.introspection_endpoint`
    pub introspection_endpoint: Option<Url>,
    /// `oauth.jwks_uri`
    pub jwks_uri: Option<Url>,
    /// `oauth.validation`
    pub validation: ValidationMode,
    /// `oauth.accept_plain_jwt`
    pub accept_plain_jwt: bool,
    /// The gateway's own client, if tokens are introspected
    pub client: Option<OauthClient>,
    /// `oauth.required_scope`
    pub required_scope: Scope,
    /// `oauth.audience`
    pub audience: Option<String>,
    /// `oauth.introspection_cache`
    pub introspection_cache: Duration,
    /// `oauth.introspection_cache_bytes`
    pub introspection_cache_bytes: u64,
    /// `oauth.max_in_flight`
    pub max_in_flight: usize,
    /// `oauth.allow_http`
    pub allow_http: bool,
    /// The content of `oauth.ca_file`
    pub authorities: Current<Option<Vec<u8>>>,
}

/// How tokens are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ValidationMode {
    /// The authorization server is asked (RFC 7662).
    Introspection,
    /// The signature is checked (RFC 9068).
    Jwt,
    /// A signed token needs both; an opaque one is introspected.
    JwtThenIntrospection,
}

/// The issuer as tokens name it, and its address.
struct Issuer {
    name: String,
    url: Url,
}

impl OauthConfig {
    pub(super) fn read(reader: &mut Reader, http: Read<&HttpConfig>) -> Read<Self> {
        reader.section(
            "oauth",
            "The authorization server, and the gateway's client at it.",
        );
        let issuer = reader.get::<Issuer>(ISSUER);
        let discovery_url = reader.optional::<Url>(DISCOVERY_URL);
        let introspection_endpoint = reader.optional(INTROSPECTION_ENDPOINT);
        let jwks_uri = reader.optional(JWKS_URI);
        let validation = reader.get(VALIDATION);
        let accept_plain_jwt = reader.get(ACCEPT_PLAIN_JWT);
        let client = OauthClient::read(reader, validation.is_ok_and(ValidationMode::asks));
        let required_scope = reader.get(REQUIRED_SCOPE);
        let audience = reader.optional(AUDIENCE);
        let introspection_cache = reader.get(INTROSPECTION_CACHE);
        let introspection_cache_bytes = reader.get(INTROSPECTION_CACHE_BYTES);
        let max_in_flight = read_max_in_flight(reader, http);
        let allow_http = reader.get(ALLOW_HTTP);
        let authorities = reader.authorities(CA_FILE);

        let (discovery_key, discovery_url) = match (discovery_url, &issuer) {
            (Ok(Some(url)), _) => (DISCOVERY_URL, Ok(url)),
            (Ok(None), Ok(issuer)) => (ISSUER, Ok(issuer.url.clone())),
            (Err(noted), _) | (Ok(None), &Err(noted)) => (DISCOVERY_URL, Err(noted)),
        };
        let plain_http = (ALLOW_HTTP, allow_http);
        if let Ok(url) = &discovery_url {
            check_address(reader, discovery_key, url, plain_http);
        }
        for (key, url) in [
            (INTROSPECTION_ENDPOINT, &introspection_endpoint),
            (JWKS_URI, &jwks_uri),
        ] {
            if let Ok(Some(url)) = url {
                check_address(reader, key, url, plain_http);
            }
        }
        reader.refuse_empty(AUDIENCE, &audience);
        if validation.is_ok_and(ValidationMode::reads) && matches!(audience, Ok(None)) {
            reader.error(
                AUDIENCE,
                "is required when oauth.validation is jwt or jwt-then-introspection: without it, \
                 tokens meant for any other service would do",
            );
        }
        Ok(Self {
            issuer: issuer?.name,
            discovery_url: discovery_url?,
            introspection_endpoint: introspection_endpoint?,
            jwks_uri: jwks_uri?,
            validation: validation?,
            accept_plain_jwt: accept_plain_jwt?,
            client: client?,
            required_scope: required_scope?,
            audience: audience?,
            introspection_cache: introspection_cache?,
            introspection_cache_bytes: introspection_cache_bytes?,
            max_in_flight: max_in_flight?,
            allow_http: allow_http?,
            authorities: authorities?,
        })
    }

    /// Whether tokens travel to the authorization server unencrypted.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let mut used = vec![&self.discovery_url];
        used.extend(&self.introspection_endpoint);
        used.extend(&self.jwks_uri);
        !used.into_iter().all(is_confidential)
    }
}

impl ValidationMode {
    /// Whether the authorization server is asked about tokens.
    #[must_use]
    pub fn asks(self) -> bool {
        self != Self::Jwt
    }

    /// Whether the gateway checks signatures.
    #[must_use]
    pub fn reads(self) -> bool {
        self != Self::Introspection
    }
}

impl Choice for ValidationMode {}

impl Value for Issuer {
    fn kind() -> Kind {
        Kind::Url
    }

    fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).ok();
        let url =
            url.filter(|url| url.query().is_none() && url.fragment().is_none() && url.has_host());
        let url = url.ok_or("must be a URL without query or fragment (RFC 8414)")?;
        Ok(Self {
            name: text.to_owned(),
            url,
        })
    }
}

/// Half of the requests by default, and never all of them: some places are left for requests that do
/// not need the authorization server.
fn read_max_in_flight(reader: &mut Reader, http: Read<&HttpConfig>) -> Read<usize> {
    let all = http.map_or(2, |http| http.max_in_flight);
    let default = (all / 2).max(1);
    let most = (all - 1).max(1);
    let number = reader
        .get_or::<NonZeroUsize>(MAX_IN_FLIGHT, &default.to_string())?
        .get();
    if http.is_ok() && number > most {
        reader.error(
            MAX_IN_FLIGHT,
            "must be at least 1 and less than http.max_in_flight",
        );
    }
    Ok(number)
}
