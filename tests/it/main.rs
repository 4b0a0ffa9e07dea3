//! The gateway from outside, over real sockets: embedded store and authorization server, SQLite,
//! loopback only. The tree mirrors the routes.

mod architecture;
mod cli;
mod embedded;
mod health;
mod openapi;
mod registry;
mod support;
mod unknown_routes;
mod v1;
