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
