//! The gateway from outside, over real sockets: embedded store and authorization server, SQLite,
//! loopback only. The tree mirrors the routes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is what it is for"
)]

mod access_keys;
mod administration;
mod architecture;
mod authorization_server_places;
mod aws_dialects;
mod backup;
mod banner;
mod cli;
mod configuration;
mod connections;
mod console;
mod crash;
mod crashes;
mod credentials_command;
mod database_file;
mod doctor;
mod documents;
mod draining;
mod embedded;
mod health;
mod issuers;
mod login;
mod logs;
mod metrics;
mod migrate;
mod model;
mod openapi;
mod own_secrets;
mod pages;
mod pasted;
mod peers;
mod per_caller;
mod registry;
mod replicas;
mod session_reuse;
mod signals;
mod storage_boto;
mod support;
mod swagger_ui;
mod traces;
mod unknown_routes;
mod v1;
mod waiting;
mod workspace;
