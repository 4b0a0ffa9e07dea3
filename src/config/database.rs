use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::adapters::{Current, fixed};

use super::reader::{Reader, is_known_secret};

const DEFAULT_URL: &str = "sqlite://cloakroom.db?mode=rwc";

/// `database.*`: where the registry and the audit trail are.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `database.url`: may hold a password, which may change.
    pub url: Current<SecretString>,
}

impl DatabaseConfig {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let url = reader.current_secret("database.url", check)?;
        Some(Self {
            url: url.unwrap_or_else(|| fixed(SecretString::from(DEFAULT_URL))),
        })
    }
}

fn check(url: &SecretString) -> Result<(), String> {
    let url = url.expose_secret();
    let known = ["sqlite:", "postgres:", "postgresql:"];
    let what = if !known.iter().any(|scheme| url.starts_with(scheme)) {
        "must start with sqlite:// or postgres://"
    } else if is_in_memory(url) {
        "must name a file: what is in memory is gone at a restart"
    } else if has_known_password(url) {
        "holds a password that everybody knows: choose another"
    } else {
        return Ok(());
    };
    Err(what.to_owned())
}

fn is_in_memory(url: &str) -> bool {
    url.starts_with("sqlite:") && (url.contains(":memory:") || url.contains("mode=memory"))
}

fn has_known_password(url: &str) -> bool {
    let url = Url::parse(url).ok();
    url.is_some_and(|url| url.password().is_some_and(is_known_secret))
}
