use url::{Host, Url};

use crate::http::state::{Gateway, StorageAddress};

/// What the page may load and whom it may talk to: its own files, the gateway, the authorization
/// server and the store. Files that people open are shown as text, as images from memory, or in a
/// frame of the store's origin, so none of them runs with this page's rights.
pub(super) fn policy(gateway: &Gateway) -> String {
    let store = store(&gateway.storage);
    let peers = [&sign_in(gateway), &store].map(|origins| origins.join(" "));
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
         connect-src 'self' {}; frame-src {}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        peers.join(" ").trim(),
        store.join(" "),
    )
}

/// Its endpoints need not be on one host.
fn sign_in(gateway: &Gateway) -> Vec<String> {
    let Some(at) = gateway.sign_in.endpoints() else {
        return Vec::new();
    };
    let mut origins: Vec<String> = [Some(at.token), at.revocation]
        .into_iter()
        .flatten()
        .filter_map(|endpoint| Some(origin(&Url::parse(&endpoint).ok()?)))
        .collect();
    origins.dedup();
    origins
}

/// With buckets as subdomains, any of them: the policy is the same for everybody.
fn store(storage: &StorageAddress) -> Vec<String> {
    let Ok(endpoint) = Url::parse(&storage.endpoint) else {
        return Vec::new();
    };
    let mut origins = vec![origin(&endpoint)];
    if let (false, Some(Host::Domain(host))) = (storage.path_style, endpoint.host()) {
        let port = endpoint.port().map(|port| format!(":{port}"));
        let (scheme, port) = (endpoint.scheme(), port.unwrap_or_default());
        origins.push(format!("{scheme}://*.{host}{port}"));
    }
    origins
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(endpoint: &str, path_style: bool) -> StorageAddress {
        StorageAddress {
            endpoint: endpoint.to_owned(),
            region: "us-east-1".to_owned(),
            path_style,
        }
    }

    #[test]
    fn buckets_as_subdomains_are_allowed_where_the_store_has_them() {
        let by_path = address("https://s3.example:9000/store", true);
        assert_eq!(store(&by_path), ["https://s3.example:9000"]);
        let by_host = address("https://s3.example:9000", false);
        assert_eq!(
            store(&by_host),
            ["https://s3.example:9000", "https://*.s3.example:9000"]
        );
        assert_eq!(
            store(&address("http://127.0.0.1:9", false)),
            ["http://127.0.0.1:9"]
        );
    }
}
