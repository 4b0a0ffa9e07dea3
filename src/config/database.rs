use secrecy::{ExposeSecret, SecretString};

use super::reader::Reader;

const DEFAULT_URL: &str = "sqlite://cloakroom.db?mode=rwc";

/// `database.*`: where the registry and the audit trail are.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `database.url`: may hold a password.
    pub url: SecretString,
}

impl DatabaseConfig {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let url = reader.secret("database.url")?;
        let url = url.unwrap_or_else(|| SecretString::from(DEFAULT_URL));
        let known = ["sqlite:", "postgres:", "postgresql:"];
        if !known
            .iter()
            .any(|scheme| url.expose_secret().starts_with(scheme))
        {
            reader.error("database.url", "must start with sqlite:// or postgres://");
            return None;
        }
        Some(Self { url })
    }
}
