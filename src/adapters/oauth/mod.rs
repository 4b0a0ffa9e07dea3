//! The authorization server: its metadata and its introspection endpoint.

mod discovery;
mod http;
mod introspection;
mod strict_json;

pub use discovery::{Discovery, DiscoverySettings};
pub use http::{OauthHttp, OauthHttpError};
pub use introspection::{IntrospectionClient, IntrospectionSettings};

/// Whether a URL keeps what is sent to it from eavesdroppers: https, or http to a loopback host.
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
