use super::*;

#[test]
fn endpoints_and_region_need_no_escaping() {
    for (key, bad) in [
        ("ENDPOINT", "https://s3.example/?x=y"),
        ("PUBLIC_ENDPOINT", "https://s3.example/a%20b"),
        ("PUBLIC_ENDPOINT", "https://s3.example/$(x)"),
        ("STS_ENDPOINT", "https://s3.example/#x"),
        ("REGION", "eu west"),
        ("REGION", "eu'west"),
    ] {
        let key = format!("CLOAKROOM_STORAGE__{key}");
        let message = complaint(&[(&key, bad)]);
        assert!(message.starts_with("storage."), "{bad}: {message}");
    }
    let path = (
        "CLOAKROOM_STORAGE__PUBLIC_ENDPOINT",
        "https://example.com/s3/",
    );
    assert_eq!(
        with(&[path]).unwrap().storage.told_endpoint(),
        "https://example.com/s3"
    );
}

#[test]
fn lists_are_toml_or_comma_separated() {
    let variable = [(
        "CLOAKROOM_STORAGE__EXTRA_ACTIONS",
        "s3:GetBucketLocation, s3:AbortMultipartUpload",
    )];
    assert_eq!(with(&variable).unwrap().storage.extra_actions.len(), 2);
    let file = "[storage]\nextra_actions = ['s3:GetBucketLocation']\n";
    assert_eq!(
        load(Some(file), GOOD).unwrap().storage.extra_actions.len(),
        1
    );
}

#[test]
fn session_reuse_is_off_unless_it_is_a_share() {
    assert_eq!(with(&[]).unwrap().storage.session_reuse, None);
    let reuse = |share| [("CLOAKROOM_STORAGE__SESSION_REUSE", share)];
    let half = with(&reuse("50%")).unwrap().storage.session_reuse;
    assert_eq!(half, Some("50%".parse().unwrap()));
    for bad in ["50", "0%", "100%", "0.5", "on", "none"] {
        let message = complaint(&reuse(bad));
        assert!(
            message.starts_with("storage.session_reuse: expected a share from 1% to 99%"),
            "{bad}: {message}"
        );
    }
}

#[test]
fn session_reuse_without_an_effect_is_a_warning() {
    let warnings = |duration| {
        let variables = [
            ("CLOAKROOM_STORAGE__SESSION_REUSE", "50%"),
            ("CLOAKROOM_STORAGE__SESSION_DURATION", duration),
        ];
        with(&variables).unwrap().warnings
    };
    assert!(warnings("16min").is_empty());
    let warnings = warnings("15min");
    let [warning] = warnings.as_slice() else {
        panic!("{warnings:?}");
    };
    assert!(warning.starts_with("storage.session_reuse has no effect"));
}
