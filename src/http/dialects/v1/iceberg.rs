//! The answer as Iceberg's REST catalog gives credentials: `LoadCredentialsResponse`.

use actix_web::HttpResponse;
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::http::dialects::session::GrantedSession;
use crate::http::state::StorageAddress;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct LoadCredentialsResponse<'a> {
    storage_credentials: [StorageCredential<'a>; 1],
}

#[derive(Serialize)]
struct StorageCredential<'a> {
    /// Tables whose location begins with it are read with this configuration.
    prefix: String,
    config: Config<'a>,
}

/// Every value is a string.
#[derive(Serialize)]
struct Config<'a> {
    #[serde(rename = "s3.access-key-id")]
    access_key_id: &'a str,
    #[serde(rename = "s3.secret-access-key")]
    secret_access_key: &'a str,
    #[serde(rename = "s3.session-token")]
    session_token: &'a str,
    #[serde(rename = "s3.session-token-expires-at-ms")]
    expires_at: String,
    #[serde(rename = "s3.endpoint")]
    endpoint: &'a str,
    #[serde(rename = "s3.path-style-access")]
    path_style: &'static str,
    #[serde(rename = "client.region")]
    region: &'a str,
}

pub(super) fn answer(granted: &GrantedSession, storage: &StorageAddress) -> HttpResponse {
    let GrantedSession { grant, session } = granted;
    let config = Config {
        access_key_id: &session.access_key_id,
        secret_access_key: session.secret_access_key.expose_secret(),
        session_token: session.session_token.expose_secret(),
        expires_at: session.expiration.timestamp_millis().to_string(),
        endpoint: &storage.endpoint,
        path_style: if storage.path_style { "true" } else { "false" },
        region: &storage.region,
    };
    let prefix = format!("s3://{}/{}", grant.bucket.as_str(), granted.prefix());
    HttpResponse::Ok().json(LoadCredentialsResponse {
        storage_credentials: [StorageCredential { prefix, config }],
    })
}
