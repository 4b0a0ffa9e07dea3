mod access_keys;
mod audit;
mod buckets;
mod declarations;
mod effective;
#[cfg(unix)]
mod exposure;
#[cfg(unix)]
mod files;
mod http;
mod issuers;
mod messages;
mod naming;
mod oauth;
mod storage;
mod telemetry;

use std::path::PathBuf;

use secrecy::ExposeSecret;

use super::*;
use crate::adapters::oauth::ClientAuthentication;
use crate::domain::DeploymentId;

const GOOD: &[(&str, &str)] = &[
    ("CLOAKROOM_OAUTH__ISSUER", "https://as.example"),
    ("CLOAKROOM_OAUTH__CLIENT_ID", "gateway"),
    ("CLOAKROOM_OAUTH__CLIENT_SECRET", "0123456789"),
    ("CLOAKROOM_STORAGE__ENDPOINT", "https://s3.example/"),
];

fn load(file: Option<&str>, variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cloakroom.toml");
    let file = file.map(|text| {
        std::fs::write(&path, text).unwrap();
        path.as_path()
    });
    let variables = variables
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Config::load(file, variables.collect()).map_err(|errors| errors.0)
}

fn with(more: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    load(None, &[GOOD, more].concat())
}

fn complaint(more: &[(&str, &str)]) -> String {
    with(more).unwrap_err().join("\n")
}

#[test]
fn the_required_keys_are_enough() {
    let config = with(&[]).unwrap();
    assert_eq!(config.http.address.to_string(), "127.0.0.1:8080");
    assert_eq!(
        config.oauth.required_scope.as_str(),
        "com.cleverbase.storage"
    );
    assert_eq!(config.storage.session_duration.as_secs(), 3_600);
    assert_eq!(config.storage.told_endpoint(), "https://s3.example");
    assert_eq!(
        config.database.url.borrow().expose_secret(),
        "sqlite://cloakroom.db?mode=rwc"
    );
    assert_eq!(client_secret(&config), "0123456789");
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = "[http]\naddress = '127.0.0.1:1'\nmax_in_flight = 7\n";
    let config = load(
        Some(file),
        &[GOOD, &[("CLOAKROOM_HTTP__ADDRESS", "127.0.0.1:2")]].concat(),
    );
    let config = config.unwrap();
    assert_eq!(
        (config.http.address.port(), config.http.max_in_flight),
        (2, 7)
    );
}

#[test]
fn a_database_in_memory_and_a_well_known_password_are_refused() {
    for url in [
        "sqlite::memory:",
        "sqlite://x?mode=memory",
        "postgres://u:password@127.0.0.1/x",
    ] {
        assert!(
            complaint(&[("CLOAKROOM_DATABASE__URL", url)]).starts_with("database.url:"),
            "{url}"
        );
    }
}

#[test]
fn plain_http_needs_loopback_or_allow_http() {
    let as_key = "CLOAKROOM_OAUTH__ISSUER";
    assert!(complaint(&[(as_key, "http://as.example")]).contains("oauth.allow_http"));
    assert!(with(&[(as_key, "http://127.0.0.1:8081")]).is_ok());
    assert!(
        with(&[
            (as_key, "http://as.example"),
            ("CLOAKROOM_OAUTH__ALLOW_HTTP", "true")
        ])
        .is_ok()
    );
    assert!(
        complaint(&[("CLOAKROOM_STORAGE__ENDPOINT", "http://s3.example")])
            .contains("storage.allow_http")
    );
    assert!(complaint(&[("CLOAKROOM_HTTP__PUBLIC_URL", "http://gw.example")]).contains("https"));
    assert!(complaint(&[("CLOAKROOM_HTTP__ADDRESS", "0.0.0.0:80")]).contains("http.public_url"));
}

fn client_secret(config: &Config) -> String {
    match &config.oauth.client.as_ref().unwrap().authentication {
        ClientAuthentication::SecretBasic(secret) => secret.borrow().expose_secret().to_owned(),
        other => panic!("{other:?}"),
    }
}
