use secrecy::{ExposeSecret, SecretString};

/// Well-known defaults from public documentation.
const KNOWN_SECRETS: [&str; 9] = [
    "minioadmin",
    "minio123",
    "password",
    "secret",
    "changeme",
    "change-me",
    "admin",
    "cloakroom",
    "test",
];

pub(super) const WELL_KNOWN: &str = "is a well-known default; choose another value";

/// Says what is wrong with a secret.
pub(super) fn check_secret(secret: &SecretString) -> Result<(), String> {
    let secret = secret.expose_secret();
    if secret.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if is_known_secret(secret) {
        return Err(WELL_KNOWN.to_owned());
    }
    Ok(())
}

/// Whether this secret is a well-known default.
pub(super) fn is_known_secret(secret: &str) -> bool {
    KNOWN_SECRETS.contains(&secret.to_ascii_lowercase().as_str())
}
