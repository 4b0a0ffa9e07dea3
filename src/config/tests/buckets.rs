use super::*;

const AFTER: &str = "CLOAKROOM_BUCKETS__ABORT_MULTIPART_AFTER";
const ORIGINS: &str = "CLOAKROOM_BUCKETS__CORS_ORIGINS";

#[test]
fn rules_are_whole_days_and_origins() {
    let rules = |more: &[(&str, &str)]| with(more).unwrap().buckets.rules;
    assert_eq!(rules(&[]).abort_multipart_after, None);
    assert_eq!(rules(&[(AFTER, "7d")]).abort_multipart_after, Some(7));
    assert_eq!(rules(&[(AFTER, "48h")]).abort_multipart_after, Some(2));
    let page = "https://console.example";
    let origins = rules(&[(ORIGINS, page)]).cors_origins;
    assert_eq!(origins, Some(vec![page.to_owned()]));
    let message = complaint(&[(AFTER, "36h"), (ORIGINS, "console.example")]);
    assert!(
        message.contains("buckets.abort_multipart_after: must be whole days"),
        "{message}"
    );
    assert!(
        message.contains("buckets.cors_origins: 'console.example': expected an origin"),
        "{message}"
    );
    let message = complaint(&[(AFTER, "3651d"), (ORIGINS, "https://*.*.example")]);
    assert!(
        message.contains("from 1d to 3650d") && message.contains("more than one *"),
        "{message}"
    );
}

/// Otherwise an operator could not take a rule back.
#[test]
fn no_rule_differs_from_no_setting() {
    let file = "buckets.abort_multipart_after = \"0d\"\nbuckets.cors_origins = []\n";
    let from_file = load(Some(file), GOOD).unwrap().buckets.rules;
    let from_environment = with(&[(AFTER, "0d"), (ORIGINS, "")]).unwrap();
    for rules in [from_file, from_environment.buckets.rules] {
        assert_eq!(rules.abort_multipart_after, Some(0));
        assert_eq!(rules.cors_origins, Some(Vec::new()));
    }
    assert_eq!(with(&[]).unwrap().buckets.rules.cors_origins, None);
}

#[test]
fn a_store_without_rules_causes_a_warning() {
    let warnings = |flavor: &'static str| {
        let flavor = ("CLOAKROOM_STORAGE__FLAVOR", flavor);
        let set = [flavor, (AFTER, "7d"), (ORIGINS, "*")];
        with(&set).unwrap().warnings
    };
    assert_eq!(warnings("generic"), Vec::<String>::new());
    let [after, origins] = &warnings("minio")[..] else {
        panic!("two warnings")
    };
    assert!(after.contains("stale_uploads_expiry"), "{after}");
    assert!(origins.contains("MINIO_API_CORS_ALLOW_ORIGIN"), "{origins}");
    let minio = ("CLOAKROOM_STORAGE__FLAVOR", "minio");
    assert_eq!(with(&[minio]).unwrap().warnings, Vec::<String>::new());
}
