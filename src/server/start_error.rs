use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::adapters::aws::AuthoritiesError;
use crate::adapters::database::{DatabaseError, FingerprintChange};
use crate::adapters::oauth::{KeySetError, OauthHttpError};
use crate::domain::{AccessKeyId, BucketPrefix};
use crate::service::RegistryError;

/// Why a gateway cannot start or continue.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is in use, or may not be bound.
    #[error("http.address: cannot listen on {address}: {error}")]
    Listen {
        /// The address that was configured.
        address: SocketAddr,
        /// What the operating system says.
        error: io::Error,
    },
    /// The same for the metrics' port.
    #[error("metrics.address: cannot listen on {address}: {error}")]
    ListenForMetrics {
        /// The address that was configured.
        address: SocketAddr,
        /// What the operating system says.
        error: io::Error,
    },
    /// `database.url`
    #[error("database.url: {0}")]
    Database(#[from] DatabaseError),
    /// The registry cannot be read.
    #[error("database.url: {0}")]
    Registry(#[from] RegistryError),
    /// The formula or the issuer differs from those the registry was created with.
    #[error("{}", explain(.0))]
    FingerprintChanged(Vec<FingerprintChange>),
    /// A live access key reaches bucket names that the naming would now give to people.
    #[error(
        "naming.prefix: people's buckets may now begin with '{prefix}', and the access key {key} opens \
         every bucket that does: disable it and let its pairs end before you change the naming"
    )]
    ReachesPeople {
        /// The access key.
        key: AccessKeyId,
        /// The prefix of all buckets that it opens.
        prefix: BucketPrefix,
    },
    /// `oauth.ca_file`
    #[error("oauth.ca_file: {0}")]
    OauthTls(#[from] OauthHttpError),
    /// `issuers.<name>.ca_file`
    #[error("{section}.ca_file: {error}")]
    IssuerTls {
        /// The section of the issuer.
        section: String,
        /// What is wrong with the file.
        error: OauthHttpError,
    },
    /// `issuers.<name>.jwks_file`
    #[error("{section}.jwks_file: {error}")]
    IssuerKeys {
        /// The section of the issuer.
        section: String,
        /// What is wrong with the file.
        error: KeySetError,
    },
    /// `storage.ca_file`
    #[error("storage.ca_file: {0}")]
    StorageTls(#[from] AuthoritiesError),
    /// `oauth.client_id`
    #[error("oauth.client_id: is required for introspection")]
    NoClient,
    /// The operating system accepts no more connections.
    #[error("cannot serve: {0}")]
    Serve(#[source] io::Error),
    /// No random key for the introspection cache.
    #[error("the introspection cache cannot be keyed")]
    CacheKey,
}

impl StartError {
    /// The cause, if a retry may succeed without a change of configuration.
    pub(super) fn is_transient(&self) -> Option<&dyn fmt::Display> {
        match self {
            Self::Database(error) if error.is_transient() => Some(error),
            Self::Registry(error) if error.is_transient() => Some(error),
            _ => None,
        }
    }

    /// Whether the configuration is at fault (exit code 64).
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::FingerprintChanged(_)
                | Self::ReachesPeople { .. }
                | Self::OauthTls(_)
                | Self::IssuerTls { .. }
                | Self::IssuerKeys { .. }
                | Self::StorageTls(_)
                | Self::NoClient
        )
    }
}

fn explain(changes: &[FingerprintChange]) -> String {
    let mut lines: Vec<String> = changes
        .iter()
        .map(|change| match change.name.as_str() {
            name @ "naming.secret" => format!("{name}: is not what the registry was made with"),
            name if let Some(former) = &change.renamed_from => format!(
                "{name}: is the issuer that the registry knows as {former}: keep this name, because \
                 callers' storage and blocks go by it"
            ),
            name if name.starts_with("issuers.") => format!(
                "{name}: has the issuer, client_id and subject {}, and the registry knows it with {}: \
                 give another issuer another name",
                change.now, change.before
            ),
            name => format!(
                "{name}: is '{}', and the registry was made with '{}'",
                change.now, change.before
            ),
        })
        .collect();
    lines.push(
        "naming.accept_change: set it to true only if every owner may get another bucket, or \
         another person's: bucket names follow from these values"
            .to_owned(),
    );
    lines.join("\n")
}
