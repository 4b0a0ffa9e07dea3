use super::*;

#[test]
fn jwt_modes_need_an_audience_and_introspection_needs_a_client() {
    for mode in ["jwt", "jwt-then-introspection"] {
        let message = complaint(&[("CLOAKROOM_OAUTH__VALIDATION", mode)]);
        assert!(message.starts_with("oauth.audience:"), "{message}");
    }
    let alone = [
        ("CLOAKROOM_OAUTH__ISSUER", "https://as.example"),
        ("CLOAKROOM_OAUTH__VALIDATION", "jwt"),
        ("CLOAKROOM_OAUTH__AUDIENCE", "gateway"),
        ("CLOAKROOM_STORAGE__ENDPOINT", "https://s3.example"),
    ];
    assert!(load(None, &alone).unwrap().oauth.client.is_none());
    assert!(complaint(&[("CLOAKROOM_OAUTH__VALIDATION", "none")]).contains("expected one of"));
}

#[test]
fn an_invalid_private_key_is_refused_and_not_quoted() {
    let method = ("CLOAKROOM_OAUTH__CLIENT_AUTHENTICATION", "private_key_jwt");
    assert!(complaint(&[method]).starts_with("oauth.client_private_key: is required"));
    let key = ("CLOAKROOM_OAUTH__CLIENT_PRIVATE_KEY", "canary, no key");
    let message = complaint(&[method, key]);
    assert!(
        message.contains("PEM") && !message.contains("canary"),
        "{message}"
    );
}

#[test]
fn a_key_without_effect_causes_a_warning() {
    let warnings = |more: &[(&str, &str)]| with(more).unwrap().warnings;
    assert_eq!(warnings(&[]), Vec::<String>::new());
    assert_eq!(
        warnings(&[("CLOAKROOM_OAUTH__ACCEPT_PLAIN_JWT", "true")]),
        [
            "oauth.accept_plain_jwt has no effect when oauth.validation is introspection \
          (CLOAKROOM_OAUTH__ACCEPT_PLAIN_JWT)"
        ]
    );
    let key_id = ("CLOAKROOM_OAUTH__CLIENT_KEY_ID", "2026");
    assert_eq!(
        warnings(&[key_id]),
        [
            "oauth.client_key_id has no effect unless oauth.client_authentication is private_key_jwt \
          (CLOAKROOM_OAUTH__CLIENT_KEY_ID)"
        ]
    );
    let jwt = [
        ("CLOAKROOM_OAUTH__VALIDATION", "jwt"),
        ("CLOAKROOM_OAUTH__AUDIENCE", "gateway"),
        ("CLOAKROOM_OAUTH__INTROSPECTION_CACHE", "0s"),
    ];
    let warnings = warnings(&jwt);
    assert!(
        warnings.contains(
            &"oauth.introspection_cache has no effect when oauth.validation is jwt \
              (CLOAKROOM_OAUTH__INTROSPECTION_CACHE)"
                .to_owned()
        ),
        "{warnings:?}"
    );
}

#[test]
fn oauth_max_in_flight_is_half_by_default_and_never_all() {
    let load = |all: &str, waiting: Option<&str>| {
        let all = ("CLOAKROOM_HTTP__MAX_IN_FLIGHT", all);
        let waiting = waiting.map(|waiting| ("CLOAKROOM_OAUTH__MAX_IN_FLIGHT", waiting));
        let keys: Vec<(&str, &str)> = GOOD.iter().copied().chain([all]).chain(waiting).collect();
        load(None, &keys).map(|config| config.oauth.max_in_flight)
    };
    assert_eq!(load("512", None).unwrap(), 256);
    assert_eq!(load("1", None).unwrap(), 1);
    assert_eq!(load("512", Some("511")).unwrap(), 511);
    for bad in ["512", "0", "many"] {
        let errors = load("512", Some(bad)).unwrap_err();
        assert!(errors[0].starts_with("oauth.max_in_flight: "), "{errors:?}");
    }
}
