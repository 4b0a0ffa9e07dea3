//! A small OAuth 2.0 authorization server: metadata, JWKS, introspection, a page to sign in on, and
//! access tokens for any user name. Keys are made afresh at each start, so no token outlives the process.

mod endpoints;
mod grants;
mod mint;
mod sign_in;
mod signer;
mod token;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use actix_cors::Cors;
use actix_web::dev::ServerHandle;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

use grants::Grants;
use signer::Signer;
use url::{Host, Url};

use super::random::hex_digits;

/// A running authorization server; it stops when dropped.
pub struct AuthorizationServer {
    address: SocketAddr,
    resource_server: ClientCredentials,
    handle: ServerHandle,
}

/// A confidential client.
#[derive(Clone)]
pub struct ClientCredentials {
    /// Its id.
    pub client_id: String,
    /// Its secret, made afresh at each start.
    pub client_secret: String,
}

/// What the endpoints share.
struct State {
    issuer: String,
    signer: Signer,
    resource_server: ClientCredentials,
    grants: Grants,
}

impl AuthorizationServer {
    /// Starts the server on loopback. Port 0 is any free one. `resource_server` is the client
    /// that may ask about tokens, and their audience.
    ///
    /// # Errors
    ///
    /// When the port is taken.
    pub fn start(port: u16, resource_server: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let resource_server = ClientCredentials {
            client_id: resource_server.to_owned(),
            client_secret: hex_digits(20)?,
        };
        let state = web::Data::from(Arc::new(State {
            issuer: format!("http://{address}"),
            signer: Signer::generate()?,
            resource_server: resource_server.clone(),
            grants: Grants::default(),
        }));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .wrap(cors())
                .wrap(from_fn(endpoints::loopback_only))
                .configure(endpoints::routes)
        })
        .workers(1)
        .disable_signals()
        .listen(listener)?
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self {
            address,
            resource_server,
            handle,
        })
    }

    /// The issuer of its tokens, and where it listens.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The client that may ask about tokens.
    #[must_use]
    pub fn resource_server(&self) -> &ClientCredentials {
        &self.resource_server
    }
}

/// Pages from this machine may ask for tokens: single-page applications, Swagger UI.
fn cors() -> Cors {
    Cors::default()
        .allowed_origin_fn(|origin, _| {
            let origin = origin.to_str().ok().and_then(|text| Url::parse(text).ok());
            origin.is_some_and(|origin| is_loopback(&origin))
        })
        .allowed_methods([Method::GET, Method::POST])
        .allow_any_header()
}

fn is_loopback(url: &Url) -> bool {
    url.scheme() == "http"
        && match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

impl Drop for AuthorizationServer {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}
