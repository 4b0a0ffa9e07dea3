//! A store and an authorization server for development, in this process.
//!
//! They are foreign: they import nothing of ours and are reached over loopback HTTP, through the
//! same adapters as any other. Cargo feature `dev`; the production image is built without it.

pub mod authorization_server;
mod random;
pub mod storage;
