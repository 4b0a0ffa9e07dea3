//! What the operator says: a TOML file, then the environment, which wins. Every key is read once,
//! by the section it belongs to; every mistake is reported, not only the first.

mod access_keys;
mod addresses;
mod client;
mod database;
mod files;
mod http;
mod known_secrets;
mod limits;
mod log;
mod names;
mod naming;
mod oauth;
mod permissions;
mod reader;
mod secrets;
mod source;
mod storage;
mod workspaces;

use std::collections::HashMap;
use std::path::Path;

use reader::Reader;

pub use access_keys::{AccessKeysConfig, BrokerConfig, BrokerKind};
pub use client::OauthClient;
pub use database::DatabaseConfig;
pub use files::{Reread, WatchedFile};
pub use http::{HttpConfig, Patience};
pub use limits::LimitsConfig;
pub use log::{LogConfig, LogLevel};
pub use naming::NamingConfig;
pub use oauth::{OauthConfig, ValidationMode};
pub use reader::Setting;
pub use storage::StorageConfig;
pub use workspaces::WorkspacesConfig;

/// The whole configuration, every value valid.
#[derive(Clone, Debug)]
pub struct Config {
    /// `http.*`
    pub http: HttpConfig,
    /// `oauth.*`
    pub oauth: OauthConfig,
    /// `storage.*`
    pub storage: StorageConfig,
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
    /// `log.*`
    pub log: LogConfig,
    /// Every key, as it is in effect, to be shown.
    pub settings: Vec<Setting>,
    /// The files that may be replaced while the gateway runs.
    pub files: Vec<WatchedFile>,
    /// Warnings: valid, but probably not intended.
    pub warnings: Vec<String>,
}

/// Everything that is wrong with the configuration, one line each.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigErrors(pub Vec<String>);

impl Config {
    /// Reads the file, if any, then the environment. The caller leaves out variables of command-line
    /// arguments.
    ///
    /// # Errors
    ///
    /// [`ConfigErrors`] with a line for each mistake, naming its key.
    pub fn load(
        file: Option<&Path>,
        environment: HashMap<String, String>,
    ) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(file, environment)?;
        let http = HttpConfig::read(&mut reader);
        let (oauth, storage, naming, workspaces, limits, database, log) = (
            OauthConfig::read(&mut reader, http.as_ref()),
            StorageConfig::read(&mut reader),
            NamingConfig::read(&mut reader),
            WorkspacesConfig::read(&mut reader),
            LimitsConfig::read(&mut reader),
            DatabaseConfig::read(&mut reader),
            LogConfig::read(&mut reader),
        );
        let access_keys = AccessKeysConfig::read(&mut reader, storage.as_ref());
        if let (Some(access_keys), Some(naming)) = (&access_keys, &naming) {
            access_keys.check(&mut reader, &naming.formula);
        }
        let read = reader.finish().map_err(ConfigErrors)?;
        // A section that is not there has said why.
        let sections = (
            http,
            oauth,
            storage,
            naming,
            workspaces,
            access_keys,
            limits,
            database,
            log,
        );
        let (
            Some(http),
            Some(oauth),
            Some(storage),
            Some(naming),
            Some(workspaces),
            Some(access_keys),
            Some(limits),
            Some(database),
            Some(log),
        ) = sections
        else {
            return Err(ConfigErrors(vec![
                "the configuration is no good".to_owned(),
            ]));
        };
        Ok(Self {
            http,
            oauth,
            storage,
            naming,
            workspaces,
            access_keys,
            limits,
            database,
            log,
            settings: read.settings,
            files: read.files,
            warnings: read.warnings,
        })
    }
}

#[cfg(test)]
mod tests;
