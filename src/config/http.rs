use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::adapters::oauth::is_confidential;

use super::reader::Reader;

const DEFAULT_ADDRESS: &str = "127.0.0.1:8080";
const DEFAULT_MAX_IN_FLIGHT: &str = "512";
const DEFAULT_SWAGGER_UI_CLIENT_ID: &str = "swagger-ui";

/// Connections for each request that may be under way, unless the operator says otherwise.
const CONNECTIONS_PER_REQUEST: usize = 4;

/// `http.*`: the gateway's own face.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// `http.address`: where the gateway listens.
    pub address: SocketAddr,
    /// `http.public_url`: what `type`, metadata and Swagger say; https unless loopback.
    pub public_url: Option<Url>,
    /// `http.trusted_proxies`: whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `http.cors_origins`: web pages that may call the gateway from a browser.
    pub cors_origins: Vec<String>,
    /// `http.max_in_flight`: beyond it 503 `overloaded`.
    pub max_in_flight: usize,
    /// `http.max_connections`: beyond it new connections wait.
    pub max_connections: usize,
    /// `http.drain_delay`: how long `/readyz` says no before requests are refused.
    pub drain_delay: Duration,
    /// How long a connection waits for its peer; no key of its own.
    pub patience: Patience,
    /// `http.swagger_ui`: whether there is a page to try the contract in.
    pub swagger_ui: bool,
    /// `http.swagger_ui_client_id`: its public client at the authorization server.
    pub swagger_ui_client_id: String,
}

/// How long a connection waits for its peer.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the head of a request: from the start of a connection, or from the head's first byte.
    pub head: Duration,
    /// For the peer to take what is written of an answer.
    pub answer: Duration,
    /// For a last request on an idle connection, once the gateway stops.
    pub last_request: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            last_request: Duration::from_millis(500),
        }
    }
}

impl HttpConfig {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let address = read_address(reader);
        let public_url = reader.url("http.public_url");
        let trusted_proxies = read_proxies(reader);
        let cors_origins = read_origins(reader);
        let swagger_ui = reader.parse("http.swagger_ui", "true");
        let client_id = reader.parse("http.swagger_ui_client_id", DEFAULT_SWAGGER_UI_CLIENT_ID);
        let max_in_flight = reader.parse("http.max_in_flight", DEFAULT_MAX_IN_FLIGHT);
        if max_in_flight == Some(0) {
            reader.error("http.max_in_flight", "must be at least 1");
        }
        let max_connections = read_max_connections(reader, max_in_flight);
        let drain_delay = reader.duration("http.drain_delay", "0s");
        if let Some(what) = wrong_public_url(address, public_url.as_ref()?.as_ref()) {
            reader.error("http.public_url", what);
        }
        Some(Self {
            address: address?,
            public_url: public_url?,
            trusted_proxies: trusted_proxies?,
            cors_origins: cors_origins?,
            max_in_flight: max_in_flight?,
            max_connections: max_connections?,
            drain_delay: drain_delay?,
            patience: Patience::default(),
            swagger_ui: swagger_ui?,
            swagger_ui_client_id: client_id?,
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

fn read_address(reader: &mut Reader) -> Option<SocketAddr> {
    const KEY: &str = "http.address";
    let text = reader.parse::<String>(KEY, DEFAULT_ADDRESS)?;
    let Ok(address) = text.parse() else {
        let port = text.rsplit(':').next().and_then(|port| port.parse().ok());
        let example = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port.unwrap_or(8080));
        reader.error(
            KEY,
            format!("'{text}' is not an IP address with a port: write {example}, for instance"),
        );
        return None;
    };
    Some(address)
}

fn read_max_connections(reader: &mut Reader, max_in_flight: Option<usize>) -> Option<usize> {
    const KEY: &str = "http.max_connections";
    // One that is bad was noted; this key is asked for all the same, so that it is known.
    let default = max_in_flight.unwrap_or(1);
    let default = default.saturating_mul(CONNECTIONS_PER_REQUEST);
    let max_connections = reader.parse(KEY, &default.to_string());
    if max_connections == Some(0) {
        reader.error(KEY, "must be at least 1");
    }
    max_connections
}

/// CIDRs, or single addresses.
fn read_proxies(reader: &mut Reader) -> Option<Vec<IpNet>> {
    const KEY: &str = "http.trusted_proxies";
    let mut proxies = Vec::new();
    let mut good = true;
    for word in reader.list(KEY)? {
        let address = word.parse::<IpAddr>().map(IpNet::from);
        if let Ok(network) = address.or_else(|_| word.parse()) {
            proxies.push(network);
        } else {
            reader.error(
                KEY,
                format!("'{word}' is no network: expected 10.0.0.0/8, ::1 or the like"),
            );
            good = false;
        }
    }
    good.then_some(proxies)
}

/// `https://app.example.com` and the like, or `*` alone.
fn read_origins(reader: &mut Reader) -> Option<Vec<String>> {
    const KEY: &str = "http.cors_origins";
    let words = reader.list(KEY)?;
    let mut good = true;
    for word in words.iter().filter(|_| words != ["*"]) {
        let origin = Url::parse(word).map(|url| url.origin().ascii_serialization());
        if origin.as_ref() != Ok(word) {
            reader.error(
                KEY,
                format!("'{word}' is no origin: expected https://host, or * alone"),
            );
            good = false;
        }
    }
    good.then_some(words)
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
