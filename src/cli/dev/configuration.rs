use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::adapters::CapabilityKey;
use crate::cli::error::CommandError;
use crate::config::Config;
use crate::embedded::authorization_server::AuthorizationServer;
use crate::embedded::storage::Storage;

use super::data::DataDirectory;
use super::{CLIENT, GATEWAY};

/// Writes the configuration of this deployment and loads it, as other commands do. Nothing but these
/// tables of issuers configures `dev`: it ignores variables that are set for a real gateway.
pub(super) fn write_and_load(
    data: &DataDirectory,
    address: SocketAddr,
    oauth: &AuthorizationServer,
    storage: &Storage,
    issuers: &str,
) -> Result<Config, CommandError> {
    let capability_key = CapabilityKey::generate().map_err(CommandError::failed)?;
    let gateway = oauth.resource_server();
    let root = storage.identity();
    let settings = toml(&[
        ("http.address", json!(address)),
        ("http.swagger_ui_client_id", json!(CLIENT)),
        ("http.login_client_id", json!(CLIENT)),
        ("http.console", json!(true)),
        ("http.console_client_id", json!(CLIENT)),
        ("metrics.address", json!("127.0.0.1:0")),
        ("oauth.issuer", json!(oauth.issuer())),
        ("oauth.client_id", json!(gateway.client_id)),
        ("oauth.client_secret", json!(gateway.client_secret)),
        ("oauth.audience", json!(GATEWAY)),
        ("storage.endpoint", json!(storage.url())),
        ("storage.access_key_id", json!(root.access_key_id)),
        ("storage.secret_access_key", json!(root.secret_access_key)),
        ("buckets.cors_origins", json!(pages(address))),
        ("access_keys.broker", json!("iam")),
        ("access_keys.admin_access_key_id", json!(root.access_key_id)),
        (
            "access_keys.admin_secret_access_key",
            json!(root.secret_access_key),
        ),
        (
            "access_keys.capability_key",
            json!(capability_key.expose_secret()),
        ),
        ("database.url", json!(data.database_url()?)),
    ]);
    data.write_config(&format!("{settings}\n{issuers}"))?;
    Ok(Config::load(Some(&data.config_file()), HashMap::new())?)
}

/// The origins of the gateway's own pages.
fn pages(address: SocketAddr) -> [String; 2] {
    let port = address.port();
    [
        format!("http://{address}"),
        format!("http://localhost:{port}"),
    ]
}

/// TOML writes strings, booleans and lists of them as JSON does.
fn toml(settings: &[(&str, Value)]) -> String {
    let mut text =
        "# Written by `cloakroom dev` each time it starts, for commands beside it.\n".to_owned();
    for (key, value) in settings {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{key} = {value}");
    }
    text
}
