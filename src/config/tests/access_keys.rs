use secrecy::ExposeSecret as _;

use super::*;
use crate::adapters::CapabilityKey;

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
fn the_engine_chooses_the_broker_if_there_is_an_administrator() {
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
    assert_eq!(flavor("seaweedfs"), Some(BrokerKind::Iam));
    assert_eq!(flavor("generic"), None);
    let chosen = |broker| administered(&[("CLOAKROOM_ACCESS_KEYS__BROKER", broker)]);
    assert_eq!(chosen("iam"), Some(BrokerKind::Iam));
    assert_eq!(chosen("none"), None);
    let without = with(&[("CLOAKROOM_STORAGE__FLAVOR", "minio")]).unwrap();
    assert!(without.access_keys.broker.is_none());
}

#[test]
fn a_broker_needs_an_administrator() {
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
fn a_bucket_prefix_that_fits_a_persons_bucket_is_refused() {
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
fn the_capability_key_must_be_ed25519() {
    let name = "CLOAKROOM_ACCESS_KEYS__CAPABILITY_KEY";
    let bad = complaint(&[(name, "no key at all")]);
    assert!(
        bad.starts_with("access_keys.capability_key: must be an Ed25519"),
        "{bad}"
    );
    let good = CapabilityKey::generate().unwrap();
    let config = with(&[(name, good.expose_secret())]).unwrap();
    assert!(config.access_keys.capability_key.is_some());
}

#[test]
fn the_scope_is_one_word_with_and_without_its_prefix() {
    let scopes = |more: &[(&str, &str)]| {
        let keys = with(more).unwrap().access_keys;
        [keys.scope, keys.oauth_scope].map(|scope| scope.as_str().to_owned())
    };
    let default = ["object_storage", "api.katapult.io/core/v1/object_storage"];
    assert_eq!(scopes(&[]), default);
    let scope = "CLOAKROOM_ACCESS_KEYS__SCOPE";
    let prefix = ("CLOAKROOM_ACCESS_KEYS__OAUTH_SCOPE_PREFIX", "acme:");
    assert_eq!(scopes(&[(scope, "keys"), prefix]), ["keys", "acme:keys"]);
    let bad = complaint(&[(scope, "two words")]);
    assert!(bad.starts_with("access_keys.scope: "), "{bad}");
    assert_eq!(bad.lines().count(), 1, "{bad}");
}

#[test]
fn an_overlap_is_whole_seconds_up_to_30_days() {
    let overlap = |text| with(&[("CLOAKROOM_ACCESS_KEYS__OVERLAP", text)]);
    for (text, seconds) in [("0s", 0), ("10m", 600), ("30d", 2_592_000)] {
        let keys = overlap(text).unwrap().access_keys;
        assert_eq!(keys.overlap.as_secs(), seconds);
    }
    for bad in ["1500ms", "31d", "soon"] {
        let refused = overlap(bad).unwrap_err().join("\n");
        assert!(refused.starts_with("access_keys.overlap: "), "{refused}");
    }
}

#[test]
fn ceph_and_minio_need_an_endpoint() {
    let aws = [
        ("CLOAKROOM_STORAGE__FLAVOR", "aws"),
        ("CLOAKROOM_STORAGE__ROLE_ARN", "arn:aws:iam::1:role/x"),
    ];
    let start = |broker, more: &[(&str, &str)]| {
        let without = |(key, _): &&(&str, &str)| *key != "CLOAKROOM_STORAGE__ENDPOINT";
        let good: Vec<_> = GOOD.iter().filter(without).copied().collect();
        let broker = [("CLOAKROOM_ACCESS_KEYS__BROKER", broker)];
        load(None, &[&good, &aws[..], &ADMIN, &broker, more].concat())
    };
    assert!(start("iam", &[]).is_ok(), "AWS's own");
    for broker in ["ceph", "minio"] {
        let missing = start(broker, &[]).unwrap_err().join("\n");
        assert!(
            missing.starts_with("access_keys.endpoint: is required"),
            "{missing}"
        );
    }
    let exposed = ("CLOAKROOM_ACCESS_KEYS__ENDPOINT", "http://ceph.example");
    let refused = start("ceph", &[exposed]).unwrap_err().join("\n");
    assert!(refused.starts_with("access_keys.endpoint: "), "{refused}");
}

#[test]
fn an_unused_administrator_causes_a_warning() {
    let config = with(&ADMIN).unwrap();
    let message = config.warnings.join("\n");
    assert!(
        message.contains("access_keys.admin_access_key_id"),
        "{message}"
    );
}
