use super::*;

#[test]
fn both_jwt_modes_need_an_audience_and_only_asking_needs_a_client() {
    for mode in ["jwt", "jwt-then-introspection"] {
        let said = complaint(&[("CLOAKROOM_OAUTH__VALIDATION", mode)]);
        assert!(said.starts_with("oauth.audience:"), "{said}");
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
fn a_private_key_must_be_one() {
    let method = ("CLOAKROOM_OAUTH__CLIENT_AUTHENTICATION", "private_key_jwt");
    assert!(complaint(&[method]).starts_with("oauth.client_private_key: is required"));
    let key = ("CLOAKROOM_OAUTH__CLIENT_PRIVATE_KEY", "canary, no key");
    let said = complaint(&[method, key]);
    assert!(said.contains("PEM") && !said.contains("canary"), "{said}");
}

#[test]
fn a_key_without_effect_is_told() {
    let told = |more: &[(&str, &str)]| with(more).unwrap().warnings;
    assert_eq!(told(&[]), Vec::<String>::new());
    assert_eq!(
        told(&[("CLOAKROOM_OAUTH__ACCEPT_PLAIN_JWT", "true")]),
        [
            "oauth.accept_plain_jwt has no effect when oauth.validation is introspection \
          (CLOAKROOM_OAUTH__ACCEPT_PLAIN_JWT)"
        ]
    );
    let key_id = ("CLOAKROOM_OAUTH__CLIENT_KEY_ID", "2026");
    assert_eq!(
        told(&[key_id]),
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
    let told = told(&jwt);
    assert!(
        told.contains(
            &"oauth.introspection_cache has no effect when oauth.validation is jwt \
              (CLOAKROOM_OAUTH__INTROSPECTION_CACHE)"
                .to_owned()
        ),
        "{told:?}"
    );
}
