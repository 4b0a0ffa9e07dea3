/// Whether a PEM holds certificate authorities that a TLS client can trust.
///
/// # Errors
///
/// What is wrong with it.
pub fn check_authorities(pem: &[u8]) -> Result<(), String> {
    let found = reqwest::Certificate::from_pem_bundle(pem).unwrap_or_default();
    if found.is_empty() || plain_http(Some(pem)).is_err() {
        return Err(
            "holds no certificate authority, or one that cannot be trusted (PEM)".to_owned(),
        );
    }
    Ok(())
}

/// A client that follows nothing, goes by no proxy and keeps no connection: it is for what is asked
/// seldom, and a connection kept for long may have died in silence.
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
