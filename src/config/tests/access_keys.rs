use super::*;

const ADMIN: [(&str, &str); 2] = [
    (
        "CLOAKROOM_ACCESS_KEYS__ADMIN_ACCESS_KEY_ID",
        "administrator",
    ),
    (
        "CLOAKROOM_ACCESS_KEYS__ADMIN_SECRET_ACCESS_KEY",
        "0123456789abcdef",
    ),
];

fn administered(more: &[(&str, &str)]) -> Option<BrokerKind> {
    let config = with(&[&ADMIN, more].concat()).unwrap();
    config.access_keys.broker.map(|broker| broker.kind)
}

#[test]
fn the_broker_follows_from_the_engine_once_there_is_an_administrator() {
    let flavor = |name| {
        let flavor = ("CLOAKROOM_STORAGE__FLAVOR", name);
        administered(&[
            flavor,
            ("CLOAKROOM_STORAGE__ROLE_ARN", "arn:aws:iam::1:role/x"),
        ])
    };
    assert_eq!(flavor("aws"), Some(BrokerKind::Iam));
    assert_eq!(flavor("ceph"), Some(BrokerKind::Ceph));
    assert_eq!(flavor("minio"), Some(BrokerKind::Minio));
    assert_eq!(flavor("generic"), None);
    let chosen = |broker| administered(&[("CLOAKROOM_ACCESS_KEYS__BROKER", broker)]);
    assert_eq!(chosen("iam"), Some(BrokerKind::Iam));
    assert_eq!(chosen("none"), None);
    let nobody = with(&[("CLOAKROOM_STORAGE__FLAVOR", "minio")]).unwrap();
    assert!(nobody.access_keys.broker.is_none());
}

#[test]
fn a_broker_without_an_administrator_is_a_mistake() {
    let missing = complaint(&[("CLOAKROOM_ACCESS_KEYS__BROKER", "iam")]);
    assert!(
        missing.starts_with("access_keys.admin_access_key_id: is required"),
        "{missing}"
    );
    let half = complaint(&ADMIN[..1]);
    assert!(
        half.starts_with("access_keys.admin_secret_access_key:"),
        "{half}"
    );
    let unknown = complaint(&[("CLOAKROOM_ACCESS_KEYS__BROKER", "swift")]);
    assert!(
        unknown.contains("expected one of none, iam, ceph, minio"),
        "{unknown}"
    );
}

#[test]
fn all_never_means_peoples_buckets() {
    let prefix = "CLOAKROOM_ACCESS_KEYS__BUCKET_PREFIX";
    assert!(with(&[(prefix, "reports-")]).is_ok());
    for bad in ["cafe", "0123"] {
        let refused = complaint(&[(prefix, bad)]);
        assert!(
            refused.starts_with("access_keys.bucket_prefix: people's"),
            "{refused}"
        );
    }
    let named = ("CLOAKROOM_NAMING__PREFIX", "acme-");
    assert!(with(&[named, (prefix, "cafe")]).is_ok());
    for bad in ["acm", "acme-", "acme-0"] {
        assert!(with(&[named, (prefix, bad)]).is_err(), "{bad}");
    }
    assert!(complaint(&[(prefix, "*")]).starts_with("access_keys.bucket_prefix: expected"));
}

#[test]
fn capabilities_are_signed_with_ed25519_only() {
    let bad = complaint(&[("CLOAKROOM_ACCESS_KEYS__CAPABILITY_KEY", "no key at all")]);
    assert!(
        bad.starts_with("access_keys.capability_key: must be an Ed25519"),
        "{bad}"
    );
}
