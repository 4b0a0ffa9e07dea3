//! A store and an authorization server for development, in this process.
//!
//! They are foreign: they import nothing of the gateway's, and the gateway reaches them over
//! loopback HTTP through the same adapters as any other. They need the Cargo feature `dev`; the
//! production image is built without it.

pub mod authorization_server;
mod clock;
mod random;
pub mod storage;
