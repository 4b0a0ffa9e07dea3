use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::adapters::oauth::is_confidential;

use super::key::Key;
use super::reader::{Read, Reader};

const ADDRESS: Key = Key::new(
    "http.address",
    "The IP address and the port that the gateway listens on.",
)
.default("127.0.0.1:8080");

const PUBLIC_URL: Key = Key::new(
    "http.public_url",
    "The gateway's URL for clients: the prefix of every problem's `type`, and the address in the \
     metadata and in Swagger UI. It must be https unless the host is loopback, and is required \
     unless `http.address` is loopback.",
)
.otherwise("`http://{http.address}`");

const TRUSTED_PROXIES: Key = Key::new(
    "http.trusted_proxies",
    "Addresses or networks of the proxies whose `X-Forwarded-For` is believed.",
)
.see("TLS", "tls.md");

const CORS_ORIGINS: Key = Key::new(
    "http.cors_origins",
    "Origins of the web pages that may call the gateway from a browser; `*` alone is any.",
);

const MAX_IN_FLIGHT: Key = Key::new(
    "http.max_in_flight",
    "How many requests may be answered at once. Further ones get 503.",
)
.default("512");

const MAX_CONNECTIONS: Key = Key::new(
    "http.max_connections",
    "How many connections may be open at once. Further ones wait.",
)
.otherwise("4 × `http.max_in_flight`")
.see("Connections", "limits.md#connections");

const DRAIN_DELAY: Key = Key::new(
    "http.drain_delay",
    "How long after SIGTERM requests are still answered while `/readyz` says 503.",
)
.default("0s")
.see("Stopping", "operations.md#stopping");

const SWAGGER_UI: Key = Key::new(
    "http.swagger_ui",
    "Whether there is a page to try the API in.",
)
.default("true");

const SWAGGER_UI_CLIENT_ID: Key = Key::new(
    "http.swagger_ui_client_id",
    "That page's public client at the authorization server.",
)
.default("swagger-ui");

const LOGIN_CLIENT_ID: Key = Key::new(
    "http.login_client_id",
    "The public client at the authorization server that `cloakroom login` signs in as. The gateway's \
     metadata name it.",
)
.see("At a terminal", "clients/login.md#for-operators");

pub(super) const CONSOLE: Key = Key::new(
    "http.console",
    "Whether people can open their storage in a browser, at `/console/`.",
)
.default("false")
.see("The console", "console.md#for-operators");

const CONSOLE_CLIENT_ID: Key = Key::new(
    "http.console_client_id",
    "The console's public client at the authorization server.",
)
.default("console");

/// The default of `http.max_connections`, for each request in flight.
const CONNECTIONS_PER_REQUEST: usize = 4;

/// `http.*`
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// `http.address`
    pub address: SocketAddr,
    /// `http.public_url`
    pub public_url: Option<Url>,
    /// `http.trusted_proxies`
    pub trusted_proxies: Vec<IpNet>,
    /// `http.cors_origins`
    pub cors_origins: Vec<String>,
    /// `http.max_in_flight`
    pub max_in_flight: usize,
    /// `http.max_connections`
    pub max_connections: usize,
    /// `http.drain_delay`
    pub drain_delay: Duration,
    /// How long a connection waits for its peer. No key sets it.
    pub patience: Patience,
    /// `http.swagger_ui`
    pub swagger_ui: bool,
    /// `http.swagger_ui_client_id`
    pub swagger_ui_client_id: String,
    /// `http.login_client_id`
    pub login_client_id: Option<String>,
    /// `http.console`
    pub console: bool,
    /// `http.console_client_id`
    pub console_client_id: String,
}

/// How long a connection waits for its peer.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the head of a request, from the start of the connection or from the head's first byte.
    pub head: Duration,
    /// For the peer to read more of an answer.
    pub answer: Duration,
    /// For the next request on a kept connection.
    pub idle: Duration,
    /// For a last request on an idle connection when the gateway stops.
    pub last_request: Duration,
}

impl HttpConfig {
    pub(super) fn read(reader: &mut Reader) -> Read<Self> {
        reader.section("http", "The gateway's own address, limits and pages.");
        let address = reader.get(ADDRESS);
        let public_url = reader.optional(PUBLIC_URL);
        let trusted_proxies = reader.list(TRUSTED_PROXIES);
        let cors_origins = reader.list::<String>(CORS_ORIGINS);
        let max_in_flight = reader.get::<NonZeroUsize>(MAX_IN_FLIGHT);
        let default = max_in_flight.map_or(1, NonZeroUsize::get);
        let default = default.saturating_mul(CONNECTIONS_PER_REQUEST).to_string();
        let max_connections = reader.get_or::<NonZeroUsize>(MAX_CONNECTIONS, &default);
        let drain_delay = reader.get(DRAIN_DELAY);
        let swagger_ui = reader.get(SWAGGER_UI);
        let swagger_ui_client_id = reader.get(SWAGGER_UI_CLIENT_ID);
        let login_client_id = reader.optional(LOGIN_CLIENT_ID);
        let console = reader.get(CONSOLE);
        let console_client_id = reader.get(CONSOLE_CLIENT_ID);
        if let Ok(url) = &public_url {
            check_public_url(reader, address, url.as_ref());
        }
        if let Ok(origins) = &cors_origins {
            check_origins(reader, CORS_ORIGINS, origins);
        }
        Ok(Self {
            address: address?,
            public_url: public_url?,
            trusted_proxies: trusted_proxies?,
            cors_origins: cors_origins?,
            max_in_flight: max_in_flight?.get(),
            max_connections: max_connections?.get(),
            drain_delay: drain_delay?,
            patience: Patience::default(),
            swagger_ui: swagger_ui?,
            swagger_ui_client_id: swagger_ui_client_id?,
            login_client_id: login_client_id?,
            console: console?,
            console_client_id: console_client_id?,
        })
    }

    /// The public URL without a slash at the end. `bound` is the address that the gateway listens
    /// on.
    #[must_use]
    pub fn public_url(&self, bound: SocketAddr) -> String {
        self.public_url.as_ref().map_or_else(
            || format!("http://{bound}"),
            |url| url.as_str().trim_end_matches('/').to_owned(),
        )
    }
}

impl HttpConfig {
    /// The origin of the console's pages, if it is switched on. They are opened at the public URL, or at
    /// the address, unless that is any free port.
    pub(super) fn console_origin(&self) -> Option<String> {
        let url = self.public_url(self.address).parse::<Url>().ok()?;
        let is_known = self.public_url.is_some() || self.address.port() != 0;
        (self.console && is_known).then(|| url.origin().ascii_serialization())
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            // Longer than the usual 60 s of load balancers, so that they close first.
            idle: Duration::from_secs(75),
            last_request: Duration::from_millis(500),
        }
    }
}

/// Each must be an origin, unless the only one is `*`.
pub(super) fn check_origins(reader: &mut Reader, key: Key, origins: &[String]) {
    for origin in origins.iter().filter(|_| origins != ["*"]) {
        let parsed = Url::parse(origin).map(|url| url.origin().ascii_serialization());
        if parsed.as_ref() != Ok(origin) {
            reader.error(
                key,
                format!("'{origin}': expected an origin, https://host, or * alone"),
            );
        }
    }
}

fn check_public_url(reader: &mut Reader, address: Read<SocketAddr>, url: Option<&Url>) {
    let Some(url) = url else {
        if address.is_ok_and(|address| !address.ip().is_loopback()) {
            reader.error(PUBLIC_URL, "is required when http.address is not loopback");
        }
        return;
    };
    if !is_confidential(url) {
        reader.error(
            PUBLIC_URL,
            "must be https: tokens and keys travel over it (plain http only on loopback)",
        );
    } else if has_more_than_a_path(url) {
        reader.error(PUBLIC_URL, "must be scheme, host, port and path only");
    }
}

fn has_more_than_a_path(url: &Url) -> bool {
    let has_user = !url.username().is_empty() || url.password().is_some();
    has_user || url.query().is_some() || url.fragment().is_some()
}
