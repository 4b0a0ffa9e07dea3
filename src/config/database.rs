use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::adapters::{Current, fixed};

use super::key::Key;
use super::known_secrets::is_known_secret;
use super::permissions;
use super::reader::{Read, Reader};

const DEFAULT_URL: &str = "sqlite://cloakroom.db?mode=rwc";

const URL: Key = Key::new(
    "database.url",
    "The registry and the audit trail: a SQLite file, or `postgres://…` for several replicas. For a \
     PostgreSQL server on another machine add `sslmode=verify-full` (or `require`).",
)
.default(DEFAULT_URL);

/// The parameters of a `PostgreSQL` URL that name files.
const FILES: [&str; 7] = [
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
];

/// The ones that name a private key.
const PRIVATE_KEYS: [&str; 2] = ["sslkey", "ssl-key"];

/// `database.*`
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `database.url`, which may hold a password
    pub url: Current<SecretString>,
}

impl DatabaseConfig {
    pub(super) fn read(reader: &mut Reader) -> Read<Self> {
        reader.section("database", "Where the registry and the audit trail are.");
        let url = reader.current_secret(URL, check)?;
        if let Some(url) = &url {
            let exposures = check_files(url.borrow().expose_secret());
            reader.warn_of(URL.name, exposures.unwrap_or_default());
        }
        Ok(Self {
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
        "must name a file: a database in memory is lost at a restart"
    } else if has_known_password(url) {
        "contains a well-known password; choose another"
    } else {
        return check_files(url).map(drop);
    };
    Err(what.to_owned())
}

/// Checks the files that the URL names: the driver's message would not name them. A private key is
/// checked like a secret's file.
fn check_files(url: &str) -> Result<Vec<String>, String> {
    let mut exposures = Vec::new();
    let url = Url::parse(url).ok();
    let pairs = url.iter().flat_map(Url::query_pairs);
    for (name, value) in pairs.filter(|(name, _)| FILES.contains(&name.as_ref())) {
        if value.trim_start().starts_with("-----BEGIN") {
            continue;
        }
        let path = Path::new(value.as_ref());
        let checked = permissions::open(path).and_then(|(_, metadata)| {
            if PRIVATE_KEYS.contains(&name.as_ref()) {
                permissions::check(path, &metadata)
            } else {
                Ok(Vec::new())
            }
        });
        let named = |what| format!("{name}: {what}");
        exposures.extend(checked.map_err(named)?.into_iter().map(named));
    }
    Ok(exposures)
}

fn is_in_memory(url: &str) -> bool {
    url.starts_with("sqlite:") && (url.contains(":memory:") || url.contains("mode=memory"))
}

fn has_known_password(url: &str) -> bool {
    let url = Url::parse(url).ok();
    url.is_some_and(|url| url.password().is_some_and(is_known_secret))
}
