use url::Url;

use crate::adapters::oauth::is_confidential;

use super::key::Key;
use super::reader::{Read, Reader};

/// Refuses an address that the gateway cannot use, holds a password, or sends secrets unencrypted to
/// another machine without `allow_http`.
pub(super) fn check_address(
    reader: &mut Reader,
    key: Key,
    url: &Url,
    (allow_http, is_allowed): (Key, Read<bool>),
) {
    if !["http", "https"].contains(&url.scheme()) {
        reader.error(key, "must start with https:// or http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        reader.error(key, "must not hold a user name or password");
    }
    let is_allowed = is_allowed.unwrap_or(true);
    if !is_allowed && url.scheme() == "http" && !is_confidential(url) {
        reader.error(
            key,
            format!(
                "is plain http to a host that is not loopback: use https or set {}",
                reader.name(allow_http.name)
            ),
        );
    }
}
