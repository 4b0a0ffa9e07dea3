use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::reader::{Reader, is_known_secret};

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
        if is_in_memory(url.expose_secret()) {
            reader.error(
                "database.url",
                "must name a file: what is in memory is gone at a restart",
            );
            return None;
        }
        if has_known_password(url.expose_secret()) {
            reader.error(
                "database.url",
                "holds a password that everybody knows: choose another",
            );
            return None;
        }
        Some(Self { url })
    }
}

fn is_in_memory(url: &str) -> bool {
    url.starts_with("sqlite:") && (url.contains(":memory:") || url.contains("mode=memory"))
}

fn has_known_password(url: &str) -> bool {
    let url = Url::parse(url).ok();
    url.is_some_and(|url| url.password().is_some_and(is_known_secret))
}
