//! `cloakroom` turns an OAuth token into a key to one's own storage.
//!
//! The map: [`domain`] is pure and holds what the product exists for; [`service`] holds the use
//! cases and their ports; [`adapters`] are the outside systems behind those ports; [`http`] is the
//! gateway's face; [`metrics`] counts what passes through them; [`config`] is what the operator says;
//! [`server`] puts it all together. [`login`] is a client of gateways: it signs a person in.
//! Dependencies point one way: domain ← service ← {adapters, http} ← metrics ← server ← cli, and a test
//! holds it. `embedded` is foreign: a store and an authorization server for development.

pub mod adapters;
pub mod cli;
pub mod config;
pub mod domain;
#[cfg(feature = "dev")]
pub mod embedded;
pub mod http;
pub mod login;
pub mod metrics;
pub mod server;
pub mod service;
pub mod telemetry;
