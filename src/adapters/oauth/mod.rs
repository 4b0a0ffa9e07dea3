//! The authorization server: its metadata, its introspection endpoint, and the tokens that it signs.

mod cache;
mod claims;
mod client_authentication;
mod discovery;
mod http;
mod in_flight;
mod introspection;
mod jwks;
mod jwt;
mod key_set;

pub use cache::{CacheSettings, CachedIntrospection};
pub use client_authentication::{ClientAuthentication, PrivateKey, PrivateKeyError};
pub(crate) use discovery::well_known;
pub use discovery::{Discovery, DiscoverySettings, Endpoint, SignInUrls};
pub(crate) use http::http_date;
pub use http::{Bearer, OauthHttp, OauthHttpError};
pub use in_flight::InFlightLimit;
pub(super) use in_flight::Lookup;
pub use introspection::{IntrospectionClient, IntrospectionSettings};
pub use jwks::Jwks;
pub use jwt::{JwtReader, JwtReaderSettings, NO_TYP};
pub use key_set::{KeySetError, KeyUse, MAX_KEY_SET_BYTES, check_key_set};

/// Whether requests to the URL are safe from eavesdroppers: https, or http to a loopback host.
#[must_use]
pub fn is_confidential(url: &url::Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        },
        _ => false,
    }
}
