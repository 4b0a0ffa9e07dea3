use super::*;

#[test]
fn max_connections_is_four_times_max_in_flight_by_default() {
    let bound = |variables: &[(&str, &str)]| {
        let config = load(None, &[GOOD, variables].concat());
        config.map(|config| config.http.max_connections)
    };
    assert_eq!(bound(&[]).unwrap(), 2048);
    let in_flight = ("CLOAKROOM_HTTP__MAX_IN_FLIGHT", "10");
    assert_eq!(bound(&[in_flight]).unwrap(), 40);
    let own = |value| bound(&[in_flight, ("CLOAKROOM_HTTP__MAX_CONNECTIONS", value)]);
    assert_eq!(own("5").unwrap(), 5);
    assert_eq!(
        own("0").unwrap_err(),
        ["http.max_connections: must be at least 1 (CLOAKROOM_HTTP__MAX_CONNECTIONS)"]
    );
}

#[test]
fn proxies_are_networks_and_origins_are_origins() {
    let proxies = ("CLOAKROOM_HTTP__TRUSTED_PROXIES", "10.0.0.0/8, ::1");
    assert_eq!(with(&[proxies]).unwrap().http.trusted_proxies.len(), 2);
    let message = complaint(&[
        ("CLOAKROOM_HTTP__TRUSTED_PROXIES", "nginx"),
        ("CLOAKROOM_HTTP__CORS_ORIGINS", "https://a.example/, *"),
    ]);
    assert!(
        message.contains("http.trusted_proxies: 'nginx'"),
        "{message}"
    );
    assert!(
        message.contains("http.cors_origins: 'https://a.example/'"),
        "{message}"
    );
    assert!(with(&[("CLOAKROOM_HTTP__CORS_ORIGINS", "*")]).is_ok());
}
