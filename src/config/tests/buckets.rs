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

const CONSOLE: (&str, &str) = ("CLOAKROOM_HTTP__CONSOLE", "true");

#[test]
fn pages_of_the_console_may_use_the_buckets() {
    let origins = |more: &[(&str, &str)]| {
        let all: Vec<_> = [CONSOLE].iter().chain(more).copied().collect();
        with(&all).unwrap().buckets.rules.cors_origins.unwrap()
    };
    let public_url = (
        "CLOAKROOM_HTTP__PUBLIC_URL",
        "https://gateway.example/storage",
    );
    let gateway = "https://gateway.example";
    assert_eq!(origins(&[]), ["http://127.0.0.1:8080"]);
    assert_eq!(origins(&[public_url]), [gateway]);
    assert_eq!(origins(&[public_url, (ORIGINS, "")]), [gateway]);
    let others = origins(&[public_url, (ORIGINS, "https://a.example")]);
    assert_eq!(others, ["https://a.example", gateway]);
    assert_eq!(origins(&[public_url, (ORIGINS, gateway)]), [gateway]);
    assert_eq!(origins(&[public_url, (ORIGINS, "*")]), ["*"]);
}

/// An object that a browser shows would run as a page of the console.
#[test]
fn a_store_at_the_origin_of_the_console_is_refused() {
    let public_url = ("CLOAKROOM_HTTP__PUBLIC_URL", "https://storage.example");
    let at = |endpoint: &'static str| ("CLOAKROOM_STORAGE__PUBLIC_ENDPOINT", endpoint);
    let same = at("https://storage.example/s3");
    let message = complaint(&[CONSOLE, public_url, same]);
    assert!(
        message.contains("http.console: the store is at the same origin, https://storage.example"),
        "{message}"
    );
    assert!(with(&[public_url, same]).is_ok());
    let other = at("https://storage.example:9000");
    assert!(with(&[CONSOLE, public_url, other]).is_ok());
}

#[test]
fn a_store_that_cannot_be_told_of_the_console_causes_a_warning() {
    let minio = ("CLOAKROOM_STORAGE__FLAVOR", "minio");
    let warnings = with(&[CONSOLE, minio]).unwrap().warnings;
    let [warning] = &warnings[..] else {
        panic!("{warnings:?}")
    };
    assert!(warning.starts_with("http.console: "), "{warning}");
    assert!(warning.contains("MINIO_API_CORS_ALLOW_ORIGIN"), "{warning}");
    assert_eq!(with(&[CONSOLE]).unwrap().warnings, Vec::<String>::new());
}
