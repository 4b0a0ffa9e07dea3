use super::{GOOD, load};

#[test]
fn the_authorization_server_gets_half_of_the_places_and_never_all() {
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
