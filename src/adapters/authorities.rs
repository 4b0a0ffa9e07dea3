/// Checks that a PEM contains certificate authorities that a TLS client can trust.
///
/// # Errors
///
/// What the PEM must contain, as a message for the operator.
pub fn check_authorities(pem: &[u8]) -> Result<(), String> {
    let found = reqwest::Certificate::from_pem_bundle(pem).unwrap_or_default();
    if found.is_empty() || plain_http(Some(pem)).is_err() {
        return Err("must contain usable certificate authorities (PEM)".to_owned());
    }
    Ok(())
}

/// A client for rare requests. It follows no redirects, uses no proxy and keeps no connections: a
/// connection that is kept for long may be dead.
pub(crate) fn plain_http(authorities: Option<&[u8]>) -> Result<reqwest::Client, reqwest::Error> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0);
    if let Some(pem) = authorities {
        builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem)?);
    }
    builder.build()
}
