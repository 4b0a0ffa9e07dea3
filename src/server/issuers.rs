//! Builds what checks the tokens of `issuers.*`.

use std::sync::Arc;

use crate::adapters::oauth::{
    Bearer, Discovery, DiscoverySettings, Endpoint, InFlightLimit, Jwks, JwtReader,
    JwtReaderSettings, OauthHttp,
};
use crate::adapters::{Upstream, UpstreamCalls};
use crate::config::{Config, IssuerConfig, IssuerKeys};
use crate::service::NamedIssuer;

use super::StartError;

/// The fewest requests that may wait for an issuer's keys.
const FEWEST_PLACES: usize = 2;

/// The keys of an issuer of `issuers.*`.
pub(super) struct KeysOf {
    /// The section of the configuration.
    pub(super) section: String,
    pub(super) jwks: Arc<Jwks>,
}

impl KeysOf {
    pub(super) fn into_pair(self) -> (String, Arc<Jwks>) {
        (self.section, self.jwks)
    }
}

/// The issuers' keys, none of them read yet. Each issuer has its own connections and places, so that one
/// that hangs leaves the others' callers alone; together they get half of `oauth.max_in_flight`.
pub(super) fn keys(config: &Config, calls: &UpstreamCalls) -> Result<Vec<KeysOf>, StartError> {
    let places = config.oauth.max_in_flight / 2 / config.issuers.len().max(1);
    let places = places.max(FEWEST_PLACES);
    let keys = config.issuers.iter().map(|issuer| {
        let jwks = jwks(issuer, calls, InFlightLimit::new(places))?;
        Ok(KeysOf {
            section: issuer.section(),
            jwks: Arc::new(jwks),
        })
    });
    keys.collect()
}

/// The issuers, in the order of their keys.
pub(super) fn named(config: &Config, keys: &[KeysOf]) -> Vec<NamedIssuer> {
    let issuers = config.issuers.iter().zip(keys);
    let issuers = issuers.map(|(issuer, keys)| NamedIssuer {
        issuer: issuer.rules.clone(),
        jwt: Arc::new(JwtReader::new(Arc::clone(&keys.jwks), settings(issuer))),
    });
    issuers.collect()
}

fn settings(issuer: &IssuerConfig) -> JwtReaderSettings {
    JwtReaderSettings {
        accept_typ: issuer.accept_typ.clone(),
        membership_claim: None,
        claims: issuer.rules.claim_names(),
        // SPIFFE Trust Domain and Bundle section 4.2.2: every key of a bundle has a `kid`.
        needs_kid: issuer.rules.id.is_trust_domain(),
    }
}

fn jwks(
    issuer: &IssuerConfig,
    calls: &UpstreamCalls,
    in_flight: InFlightLimit,
) -> Result<Jwks, StartError> {
    let key_use = issuer.key_use();
    let section = issuer.section();
    let (url, endpoint) = match &issuer.keys {
        IssuerKeys::File(file) => {
            let keys = Jwks::of_file(file.clone(), key_use);
            return keys.map_err(|error| StartError::IssuerKeys { section, error });
        }
        IssuerKeys::Address(url) => (url.clone(), Endpoint::Configured(url.clone())),
        IssuerKeys::Discovery(url) => (url.clone(), Endpoint::Discovered),
    };
    let http = OauthHttp::new(issuer.authorities.clone());
    let http = http.map_err(|error| StartError::IssuerTls {
        section: section.clone(),
        error,
    })?;
    let bearer = issuer.bearer_token.clone().map(|token| Bearer {
        token,
        server: url.clone(),
    });
    let http = http
        .observed_by(calls.clone())
        .with_bearer(bearer)
        .to(Upstream::IssuerDiscovery);
    let settings = DiscoverySettings {
        section,
        issuer: issuer.rules.id.as_str().to_owned(),
        url,
        allow_http: issuer.allow_http,
        introspection: Endpoint::Unused,
        jwks: endpoint,
    };
    let discovery = Arc::new(Discovery::new(http.clone(), settings));
    Ok(Jwks::new(http, discovery, in_flight, key_use))
}
