//! The configuration: a TOML file, then the environment, which wins. Each section declares and reads
//! its keys in one file; every mistake is reported, not only the first.

mod access_keys;
mod addresses;
mod audit;
mod buckets;
mod client;
mod database;
mod effective;
mod files;
mod http;
mod identity;
mod issuers;
mod key;
mod known_secrets;
mod limits;
mod log;
mod metrics;
mod named_tables;
mod names;
mod naming;
mod oauth;
mod permissions;
mod reader;
mod reference;
mod schema;
mod secrets;
mod source;
mod storage;
mod telemetry;
mod value;
mod workspaces;

use std::collections::HashMap;
use std::path::Path;

use key::Section;
use reader::{Read, Reader};

pub use access_keys::{AccessKeysConfig, BrokerConfig, BrokerKind};
pub use audit::AuditConfig;
pub use buckets::BucketsConfig;
pub use client::OauthClient;
pub use database::DatabaseConfig;
pub use effective::effective;
pub use files::{Reread, WatchedFile};
pub use http::{HttpConfig, Patience};
pub use issuers::{IssuerConfig, IssuerKeys};
pub use limits::LimitsConfig;
pub use log::{LogConfig, LogLevel};
pub use metrics::MetricsConfig;
pub use naming::NamingConfig;
pub use oauth::{OauthConfig, ValidationMode};
pub use reader::{ConfigErrors, Setting};
pub use storage::StorageConfig;
pub use telemetry::TelemetryConfig;
pub use workspaces::WorkspacesConfig;

/// The whole configuration, every value valid.
#[derive(Clone, Debug)]
pub struct Config {
    /// `http.*`
    pub http: HttpConfig,
    /// `oauth.*`
    pub oauth: OauthConfig,
    /// `issuers.*`
    pub issuers: Vec<IssuerConfig>,
    /// `storage.*`
    pub storage: StorageConfig,
    /// `buckets.*`
    pub buckets: BucketsConfig,
    /// `naming.*`
    pub naming: NamingConfig,
    /// `workspaces.*`
    pub workspaces: WorkspacesConfig,
    /// `access_keys.*`
    pub access_keys: AccessKeysConfig,
    /// `limits.*`
    pub limits: LimitsConfig,
    /// `database.*`
    pub database: DatabaseConfig,
    /// `audit.*`
    pub audit: AuditConfig,
    /// `log.*`
    pub log: LogConfig,
    /// `telemetry.*`
    pub telemetry: TelemetryConfig,
    /// `metrics.*`
    pub metrics: MetricsConfig,
    /// Every key with the value in effect, to be shown.
    pub settings: Vec<Setting>,
    /// The files that may be replaced while the gateway runs.
    pub files: Vec<WatchedFile>,
    /// Settings that are valid but probably unintended.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads the file, if any, then the environment, without the variables of command-line arguments.
    ///
    /// # Errors
    ///
    /// [`ConfigErrors`] with a line for each mistake, naming its key.
    pub fn load(
        file: Option<&Path>,
        environment: HashMap<String, String>,
    ) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(file, environment)?;
        let config = Self::read(&mut reader);
        let (config, findings) = reader.finish(config)?;
        Ok(Self {
            settings: findings.settings,
            files: findings.files,
            warnings: findings.warnings,
            ..config
        })
    }

    fn read(reader: &mut Reader) -> Read<Self> {
        let http = HttpConfig::read(reader);
        let oauth = OauthConfig::read(reader, borrowed(&http));
        let issuers = issuers::read(reader, borrowed(&oauth));
        let storage = StorageConfig::read(reader);
        let buckets = BucketsConfig::read(reader, borrowed(&http), borrowed(&storage));
        let naming = NamingConfig::read(reader);
        let workspaces = WorkspacesConfig::read(reader);
        let access_keys = AccessKeysConfig::read(reader, borrowed(&storage), borrowed(&naming));
        let limits = LimitsConfig::read(reader);
        let database = DatabaseConfig::read(reader);
        let audit = AuditConfig::read(reader);
        let log = LogConfig::read(reader);
        let telemetry = TelemetryConfig::read(reader);
        let address = borrowed(&http).map(|http| http.address);
        let metrics = MetricsConfig::read(reader, address);
        Ok(Self {
            http: http?,
            oauth: oauth?,
            issuers: issuers?,
            storage: storage?,
            buckets: buckets?,
            naming: naming?,
            workspaces: workspaces?,
            access_keys: access_keys?,
            limits: limits?,
            database: database?,
            audit: audit?,
            log: log?,
            telemetry: telemetry?,
            metrics: metrics?,
            settings: Vec::new(),
            files: Vec::new(),
            warnings: Vec::new(),
        })
    }
}

/// Every key, with its meaning and its default, in Markdown.
#[must_use]
pub fn reference() -> String {
    reference::markdown(&sections())
}

/// A JSON Schema (2020-12) of the TOML file.
#[must_use]
pub fn schema() -> String {
    schema::json(&sections())
}

/// The keys that are read, as the sections declare them.
fn sections() -> Vec<Section> {
    let mut reader = Reader::default();
    // Every key is read, whatever is configured. The errors do not matter: nothing is.
    let _ = Config::read(&mut reader);
    reader.sections
}

fn borrowed<T>(section: &Read<T>) -> Read<&T> {
    section.as_ref().map_err(|noted| *noted)
}

#[cfg(test)]
mod tests;
