//! Unknown names, and the keys that they probably mean.

use super::source::variable;

/// How similar (0 to 1) two names must be to suggest one for the other.
const ALIKE: f64 = 0.8;

/// The warning about an unknown `CLOAKROOM_` variable. Kubernetes' service links get none.
pub(super) fn complaint<'k>(
    name: &str,
    value: &str,
    keys: impl Iterator<Item = &'k str>,
) -> Option<String> {
    if is_service_link(name, value) {
        return None;
    }
    let key = name.split_once('_').map_or(name, |(_, key)| key);
    let meant = nearest(key, keys).map_or_else(
        || "configuration variables look like CLOAKROOM_<SECTION>__<KEY>".to_owned(),
        |key| format!("did you mean {}?", variable(key)),
    );
    Some(format!("{name}: nothing reads this variable; {meant}"))
}

/// Whether Kubernetes sets the variable in every container, for a service whose name begins with
/// `cloakroom`: `…_SERVICE_HOST`, `…_PORT_8080_TCP_ADDR` and so on.
fn is_service_link(name: &str, value: &str) -> bool {
    let words: Vec<&str> = name.split('_').collect();
    let is_number = |word: &str| word.parse::<u16>().is_ok();
    match words.as_slice() {
        [.., "SERVICE", "HOST"] => true,
        words if words.windows(2).any(|pair| pair == ["SERVICE", "PORT"]) => is_number(value),
        // A plain number was probably meant for http.address.
        [.., "PORT"] if value.contains("://") => true,
        [.., "PORT", port, "TCP" | "UDP" | "SCTP"]
        | [
            ..,
            "PORT",
            port,
            "TCP" | "UDP" | "SCTP",
            "PROTO" | "PORT" | "ADDR",
        ] => is_number(port),
        _ => false,
    }
}

/// The key that is most similar to the name, by itself or without its section. None if two are equally
/// similar.
pub(super) fn nearest<'k>(name: &str, keys: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let name = folded(name);
    let mut best = (ALIKE, None);
    for key in keys {
        let last = key.rsplit('.').next().unwrap_or(key);
        let alike = likeness(&name, key).max(likeness(&name, last));
        if alike > best.0 {
            best = (alike, Some(key));
        } else if alike >= best.0 {
            best.1 = None;
        }
    }
    best.1
}

fn likeness(folded_name: &str, key: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(folded_name, &folded(key))
}

/// Letters and digits only: people mistake the separators.
fn folded(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 6] = [
        "http.address",
        "oauth.issuer",
        "oauth.client_secret",
        "oauth.client_secret_file",
        "storage.endpoint",
        "access_keys.endpoint",
    ];

    fn warning(name: &str, value: &str) -> Option<String> {
        complaint(name, value, KEYS.into_iter())
    }

    #[test]
    fn kubernetes_service_links_cause_no_warning() {
        for (name, value) in [
            ("CLOAKROOM_SERVICE_HOST", "10.0.0.1"),
            ("CLOAKROOM_SERVICE_PORT", "80"),
            ("CLOAKROOM_SERVICE_PORT_HTTP", "80"),
            ("CLOAKROOM_PORT", "tcp://10.0.0.1:80"),
            ("CLOAKROOM_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("CLOAKROOM_PORT_8080_TCP_PROTO", "tcp"),
            ("CLOAKROOM_PORT_8080_TCP_PORT", "8080"),
            ("CLOAKROOM_PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("CLOAKROOM_XYZ_SERVICE_HOST", "10.0.0.1"),
            ("CLOAKROOM_XYZ_SERVICE_PORT_METRICS_UDP", "53"),
            ("CLOAKROOM_XYZ_PORT_53_UDP_ADDR", "10.0.0.1"),
        ] {
            assert_eq!(warning(name, value), None, "{name}");
        }
    }

    #[test]
    fn the_probable_name_is_suggested() {
        for (name, meant) in [
            ("CLOAKROOM_OAUTH_ISSUER", "CLOAKROOM_OAUTH__ISSUER?"),
            ("CLOAKROOM_OAUTH_ISUER", "CLOAKROOM_OAUTH__ISSUER?"),
            ("CLOAKROOM_ISSUER", "CLOAKROOM_OAUTH__ISSUER?"),
            (
                "CLOAKROOM_OAUTH_CLIENT_SECRET_FILE",
                "CLOAKROOM_OAUTH__CLIENT_SECRET_FILE?",
            ),
            ("CLOAKROOM_ENDPOINT", "CLOAKROOM_<SECTION>__<KEY>"),
            ("CLOAKROOM_PORT", "CLOAKROOM_<SECTION>__<KEY>"),
            ("CLOAKROOM_COLOUR", "CLOAKROOM_<SECTION>__<KEY>"),
        ] {
            let warning = warning(name, "8080").unwrap();
            assert!(warning.starts_with(&format!("{name}: ")), "{warning}");
            assert!(warning.ends_with(meant), "{warning}");
        }
    }
}
