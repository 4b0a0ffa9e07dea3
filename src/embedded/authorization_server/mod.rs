//! A small OAuth 2.0 authorization server: metadata, JWKS, introspection, revocation, pages to sign
//! in on this machine or for a device, and access tokens for any user name. Its keys are new at each start, so no token outlives the process.

mod authorization_request;
mod authorize;
mod dev_token;
mod device;
mod devices;
mod grants;
mod introspection;
mod loopback;
mod metadata;
mod pages;
mod revocation;
mod sign_in_page;
mod signing_key;
mod state;
mod token_endpoint;
mod tokens;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig, get, post};
use actix_web::{App, HttpServer};

use devices::Devices;
use grants::Grants;
use revocation::RevokedTokens;
use signing_key::SigningKey;
use state::State;

use super::random::hex_digits;

pub use state::ClientCredentials;

/// A running authorization server; it stops when dropped.
pub struct AuthorizationServer {
    address: SocketAddr,
    resource_server: ClientCredentials,
    handle: ServerHandle,
}

impl AuthorizationServer {
    /// Starts the server on loopback. Port 0 takes any free port. `resource_server` is the client
    /// id of the only client that may introspect tokens, and the audience of access tokens.
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
            signing_key: SigningKey::generate()?,
            resource_server: resource_server.clone(),
            grants: Grants::default(),
            devices: Devices::default(),
            revoked: RevokedTokens::default(),
        }));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .wrap(loopback::cors())
                .wrap(from_fn(loopback::loopback_only))
                .configure(routes)
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

    /// The issuer of the tokens, which is also the URL of the server.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port of the server.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The client that may introspect tokens.
    #[must_use]
    pub fn resource_server(&self) -> &ClientCredentials {
        &self.resource_server
    }
}

impl Drop for AuthorizationServer {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

fn routes(config: &mut ServiceConfig) {
    config
        .route(
            "/.well-known/openid-configuration",
            get().to(metadata::metadata),
        )
        .route(
            "/.well-known/oauth-authorization-server",
            get().to(metadata::metadata),
        )
        .route(metadata::JWKS, get().to(metadata::jwks))
        .route(
            metadata::INTROSPECTION,
            post().to(introspection::introspect),
        )
        .route(metadata::AUTHORIZATION, get().to(authorize::page))
        .route(metadata::AUTHORIZATION, post().to(authorize::submit))
        .route(metadata::TOKEN, post().to(token_endpoint::token))
        .route(metadata::DEVICE_AUTHORIZATION, post().to(device::authorize))
        .route(metadata::DEVICE, get().to(device::page))
        .route(metadata::DEVICE, post().to(device::submit))
        .route(metadata::REVOCATION, post().to(revocation::revoke))
        .route("/dev/token", post().to(dev_token::dev_token));
}
