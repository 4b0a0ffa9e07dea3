//! Signs a person in at a terminal: an OAuth client for native programs (RFC 8252) and for machines
//! without a browser (RFC 8628), and the files in which it keeps the tokens.
//!
//! It is a client of gateways and knows none of their parts: [`Gateway`] finds the authorization server,
//! [`SignIn`] gets a [`Login`], [`LoginFile`] keeps it, and [`fresh_token`] refreshes it.

mod authorization_server;
mod browser;
mod callback;
mod device;
mod error;
mod file;
mod gateway;
mod http;
mod person;
mod private;
mod refresh;
mod revocation;
mod sign_in;
mod start;
mod tokens;

pub use authorization_server::AuthorizationServer;
pub use browser::InBrowser;
pub use device::OnDevice;
pub use error::LoginError;
pub use file::{LockedLogin, LoginFile};
pub use gateway::Gateway;
pub use http::{Http, HttpError, Reply};
pub use person::Person;
pub use refresh::fresh_token;
pub use revocation::{Revocation, revoke};
pub use sign_in::SignIn;
pub use tokens::Login;
