use url::Url;

use crate::adapters::oauth::is_confidential;

use super::reader::Reader;

/// Refuses addresses that carry a password or are of no kind that the gateway speaks.
pub(super) fn check_address(reader: &mut Reader, key: &str, url: Option<&Url>) {
    let Some(url) = url else { return };
    if !["http", "https"].contains(&url.scheme()) {
        reader.error(key, "must start with https:// or http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        reader.error(key, "must not hold a user name or password");
    }
}

pub(super) fn refuse_http(reader: &mut Reader, key: &str, url: Option<&Url>) {
    if url.is_some_and(|url| url.scheme() == "http" && !is_confidential(url)) {
        let section = key.split('.').next().unwrap_or_default();
        reader.error(
            key,
            format!("is plain http to a host that is not loopback: use https or set {section}.allow_http"),
        );
    }
}
