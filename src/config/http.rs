use std::net::{Ipv4Addr, SocketAddr};

use url::Url;

use crate::adapters::oauth::is_confidential;

use super::reader::Reader;

const DEFAULT_PORT: u16 = 8080;
const DEFAULT_MAX_IN_FLIGHT: usize = 512;

/// `http.*`: the gateway's own face.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// `http.address`: where the gateway listens.
    pub address: SocketAddr,
    /// `http.public_url`: what `type`, metadata and Swagger say; https unless loopback.
    pub public_url: Option<Url>,
    /// `http.max_in_flight`: beyond it 503 `overloaded`.
    pub max_in_flight: usize,
}

impl HttpConfig {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let default = SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT));
        let address = reader.parse("http.address", default);
        let public_url = reader.optional::<Url>("http.public_url");
        let max_in_flight = reader.parse("http.max_in_flight", DEFAULT_MAX_IN_FLIGHT);
        if max_in_flight == Some(0) {
            reader.error("http.max_in_flight", "must be at least 1");
        }
        if let Some(what) = wrong_public_url(address, public_url.as_ref()?.as_ref()) {
            reader.error("http.public_url", what);
        }
        Some(Self {
            address: address?,
            public_url: public_url?,
            max_in_flight: max_in_flight?,
        })
    }

    /// The public URL without a slash at the end; `bound` is where the gateway really listens.
    #[must_use]
    pub fn public_url(&self, bound: SocketAddr) -> String {
        self.public_url.as_ref().map_or_else(
            || format!("http://{bound}"),
            |url| url.as_str().trim_end_matches('/').to_owned(),
        )
    }
}

fn wrong_public_url(address: Option<SocketAddr>, url: Option<&Url>) -> Option<&'static str> {
    let Some(url) = url else {
        let loopback = address.is_none_or(|address| address.ip().is_loopback());
        return (!loopback).then_some("is required when http.address is not loopback");
    };
    if !is_confidential(url) {
        return Some("must be https: tokens and keys travel over it (plain http only on loopback)");
    }
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let plain = plain && url.password().is_none();
    (!plain).then_some("must be scheme, host, port and path only")
}
