use super::*;

#[test]
fn a_base_address_has_two_well_known_addresses() {
    let urls = well_known(&Url::parse("https://as.example/realms/a/").unwrap());
    assert_eq!(
        urls.iter().map(Url::as_str).collect::<Vec<_>>(),
        [
            "https://as.example/realms/a/.well-known/openid-configuration",
            "https://as.example/.well-known/oauth-authorization-server/realms/a",
        ]
    );
}

#[tokio::test]
async fn browsers_get_the_issuers_address() {
    let http = OauthHttp::new(crate::adapters::fixed(None)).unwrap();
    let discovery = Discovery::new(
        http,
        DiscoverySettings {
            section: "oauth".to_owned(),
            issuer: "https://as.example/realms/a".to_owned(),
            url: Url::parse("http://keycloak:8080/realms/a").unwrap(),
            allow_http: true,
            introspection: Endpoint::Discovered,
            jwks: Endpoint::Unused,
        },
    );
    let metadata = StrictObject::from_slice(
        br#"{"issuer":"https://as.example/realms/a",
            "introspection_endpoint":"http://keycloak:8080/realms/a/introspect",
            "authorization_endpoint":"https://as.example/realms/a/auth",
            "token_endpoint":"http://keycloak:8080/realms/a/token",
            "end_session_endpoint":"http://keycloak:8080/realms/a/logout",
            "scopes_supported":["openid","profile"]}"#,
    );
    let metadata = discovery.check(&metadata.unwrap()).unwrap();
    discovery.metadata.set(metadata).unwrap();
    let at = discovery.sign_in().unwrap();
    assert_eq!(
        at.authorization.as_str(),
        "https://as.example/realms/a/auth"
    );
    assert_eq!(at.token.as_str(), "https://as.example/realms/a/token");
    let end_session = at.end_session.unwrap();
    assert_eq!(end_session.as_str(), "https://as.example/realms/a/logout");
    assert!(at.revocation.is_none() && at.openid);
    assert_eq!(
        discovery.introspection_endpoint().await.unwrap().as_str(),
        "http://keycloak:8080/realms/a/introspect"
    );
}

#[test]
fn a_well_known_address_is_used_unchanged() {
    let url = Url::parse("http://keycloak:8080/x/.well-known/openid-configuration").unwrap();
    assert_eq!(well_known(&url), [url]);
}

#[test]
fn metadata_cannot_move_an_endpoint_to_plain_http() {
    let read = |endpoint: &str| {
        let discovery = Discovery::new(
            OauthHttp::new(crate::adapters::fixed(None)).unwrap(),
            DiscoverySettings {
                section: "oauth".to_owned(),
                issuer: "https://as.example".to_owned(),
                url: Url::parse("https://as.example").unwrap(),
                allow_http: false,
                introspection: Endpoint::Discovered,
                jwks: Endpoint::Unused,
            },
        );
        let metadata = serde_json::json!({
            "issuer": "https://as.example", "introspection_endpoint": endpoint,
        });
        let metadata = StrictObject::from_slice(metadata.to_string().as_bytes());
        discovery.check(&metadata.unwrap())
    };
    assert!(read("https://as.example/introspect").is_ok());
    assert!(read("http://127.0.0.1/introspect").is_ok());
    let refused = read("http://as.example/introspect").unwrap_err();
    assert!(refused.cause.contains("plain http"), "{refused}");
}
