use proptest::prelude::*;

use super::*;
use crate::domain::{ClientId, Principal, Subject};

fn principal(client_id: &str, subject: &str) -> Owner {
    Owner::Principal(Principal {
        issuer: None,
        client_id: ClientId::parse(client_id).unwrap(),
        subject: Subject::parse(subject).unwrap(),
    })
}

fn named(issuer: &str, client_id: &str, subject: &str) -> Owner {
    Owner::Principal(Principal {
        issuer: Some(issuer.parse().unwrap()),
        client_id: ClientId::parse(client_id).unwrap(),
        subject: Subject::parse(subject).unwrap(),
    })
}

/// A caller of `oauth.issuer` or of a named one, with parts that could be taken for other fields.
fn caller() -> impl Strategy<Value = Owner> {
    let issuer = prop::option::of("[a-c-]{1,2}|iss|ak|org|ws");
    let text = || prop_oneof![Just("iss".to_owned()), "[a-c-]{1,2}", claim()];
    (issuer, text(), text()).prop_map(|(issuer, client_id, subject)| match issuer {
        Some(issuer) => named(&issuer, &client_id, &subject),
        None => principal(&client_id, &subject),
    })
}

fn claim() -> impl Strategy<Value = String> {
    "[^\\p{C}]{1,60}".prop_filter("at most 255 bytes", |s| s.len() <= 255)
}

fn keyed(secret: &str) -> BucketFormula {
    let secret = NamingSecret::parse(&SecretString::from(secret)).unwrap();
    BucketFormula::new("", "", "", Some(secret)).unwrap()
}

#[test]
fn the_name_is_what_the_contracts_one_liner_prints() {
    // printf '%s\0%s\0%s' "" demo alice | sha256sum | cut -c1-63
    let bucket = BucketFormula::default().bucket(&principal("demo", "alice"));
    assert_eq!(
        bucket.as_str(),
        "5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a"
    );
}

#[test]
fn organisations_and_workspaces_have_their_own_messages() {
    // printf '%s\0org\0%s\0' "" acme | sha256sum | cut -c1-63
    let name = |owner: &Owner| BucketFormula::default().bucket(owner).to_string();
    assert_eq!(
        name(&Owner::Organisation("acme".parse().unwrap())),
        "6862f51151aa047480136116ad5c1686d7df9ad98a83586787acfbb2b22500a"
    );
    // printf '%s\0ws\0%s\0%s\0' "" acme research | sha256sum | cut -c1-63
    assert_eq!(
        name(&Owner::Workspace("acme/research".parse().unwrap())),
        "f6d2245b7f18765c82f961cd7c6df69f8f1cd4d102bf008723f7a56e5546afa"
    );
}

#[test]
fn callers_of_named_issuers_have_their_own_message() {
    // printf '%s\0iss\0%s\0%s\0%s\0' "" github demo alice | sha256sum | cut -c1-63
    let bucket = BucketFormula::default().bucket(&named("github", "demo", "alice"));
    assert_eq!(
        bucket.as_str(),
        "ec28e538f714a8b4d34d5dd58bae5a48aa91bb6d4a653842ae5470885fefc9d"
    );
    // printf '%s\0iss\0%s\0%s\0%s\0' prod gitlab-com fixed repo:acme/app | \
    //     openssl dgst -sha256 -hmac pepper | cut -d' ' -f2 | cut -c1-63
    let secret = NamingSecret::parse(&SecretString::from("pepper")).unwrap();
    let formula = BucketFormula::new("", "", "prod", Some(secret)).unwrap();
    let bucket = formula.bucket(&named("gitlab-com", "fixed", "repo:acme/app"));
    assert_eq!(
        bucket.as_str(),
        "7fe6622a50267945f8840ce189f71499ef8d358ef47ef6fbe6921026c2c26ea"
    );
}

#[test]
fn a_caller_of_a_named_issuer_shares_nothing_with_other_owners() {
    let of_issuer = |client_id: &str, subject: &str| named("iss", client_id, subject);
    let owners = [
        principal("demo", "alice"),
        named("github", "demo", "alice"),
        named("gitlab", "demo", "alice"),
        named("github", "alice", "demo"),
        of_issuer("demo", "alice"),
        principal("iss", "github"),
        Owner::Organisation("iss".parse().unwrap()),
        Owner::Workspace("iss/github".parse().unwrap()),
        Owner::AccessKey("ak_0123456789abcdef01234567".parse().unwrap()),
        named("ak", "ak_0123456789abcdef01234567", "x"),
    ];
    let buckets: std::collections::HashSet<_> = owners
        .iter()
        .map(|owner| BucketFormula::default().bucket(owner))
        .collect();
    assert_eq!(buckets.len(), owners.len());
}

#[test]
fn a_persons_bucket_begins_with_the_prefix_and_the_pseudonym() {
    let formula = BucketFormula::new("acme-", "-eu", "", None).unwrap();
    let alice = principal("demo", "alice");
    let start = formula.start_of_bucket(&formula.digest(&alice).pseudonym());
    assert_eq!(start.len(), 5 + 31);
    assert!(formula.bucket(&alice).as_str().starts_with(&start));
}

#[test]
fn a_name_that_could_be_an_owners_is_known_by_its_form() {
    let formula = BucketFormula::new("acme-", "-eu", "", None).unwrap();
    let own = formula.bucket(&principal("demo", "alice"));
    assert!(formula.could_make(&own));
    for other in [
        "acme-eu",
        "acme-backups-eu",
        &own.as_str().replace("-eu", "-us"),
    ] {
        assert!(!formula.could_make(&other.parse().unwrap()), "{other}");
    }
    let begins =
        |formula: &BucketFormula, prefix: &str| formula.could_begin_with(&prefix.parse().unwrap());
    for (prefix, expected) in [
        ("acm", true),
        ("acme-", true),
        ("acme-0af", true),
        ("acme-x", false),
        ("acme-eu", false),
        ("acme-backups", false),
        ("other", false),
    ] {
        assert_eq!(begins(&formula, prefix), expected, "{prefix}");
    }
    let plain = BucketFormula::default();
    assert!(begins(&plain, "cafe"), "a name of hex digits alone");
    assert!(!begins(&plain, "reports-"));
}

#[test]
fn a_bucket_that_is_named_by_hand_follows_the_rules_of_s3() {
    for good in ["abc", "prod-minerva-client-acme", "a.b.c", "1-2"] {
        assert!(good.parse::<BucketName>().is_ok(), "{good}");
    }
    let too_long = "a".repeat(64);
    for bad in [
        "",
        "ab",
        "-abc",
        "abc-",
        ".abc",
        "a..b",
        "a.-b",
        "Abc",
        "a_b",
        "a/b",
        "a*b",
        "${a}",
        "127.0.0.1",
        "xn--abc",
        "abc-s3alias",
        &too_long,
    ] {
        assert!(bad.parse::<BucketName>().is_err(), "{bad}");
    }
}

#[test]
fn prefix_and_suffix_replace_digits() {
    let formula = BucketFormula::new("acme-", "-eu", "prod", None).unwrap();
    let bucket = formula.bucket(&principal("demo", "alice"));
    assert_eq!(bucket.as_str().len(), 63);
    assert!(bucket.as_str().starts_with("acme-"));
    assert!(bucket.as_str().ends_with("-eu"));
}

#[test]
fn namespace_and_secret_change_the_name() {
    let alice = principal("demo", "alice");
    let names = [
        BucketFormula::default(),
        BucketFormula::new("", "", "staging", None).unwrap(),
        keyed("one"),
        keyed("two"),
    ]
    .map(|formula| formula.bucket(&alice));
    for (i, a) in names.iter().enumerate() {
        assert!(names.iter().skip(i + 1).all(|b| a != b));
    }
}

#[test]
fn the_keyed_name_is_hmac_sha_256() {
    // printf '%s\0%s\0%s' "" demo alice | openssl dgst -sha256 -hmac pepper | cut -d' ' -f2 | cut -c1-63
    assert_eq!(
        keyed("pepper").bucket(&principal("demo", "alice")).as_str(),
        "b0bc56ad614af10e7ac722a9381250a6403bddf8f47305e2fdd8c1eb53aaf10"
    );
}

#[test]
fn a_formula_that_leaves_too_few_digits_is_refused() {
    let fits = "a".repeat(31);
    assert!(BucketFormula::new(&fits, "", "", None).is_ok());
    assert_eq!(
        BucketFormula::new(&fits, "b", "", None).unwrap_err(),
        BucketFormulaError::TooLong
    );
}

#[test]
fn a_formula_that_makes_invalid_names_is_refused() {
    for bad in ["A", "a_b", "-a", ".a", "a..b", "a*", "a/", "\u{e4}"] {
        assert_eq!(
            BucketFormula::new(bad, "", "", None).unwrap_err(),
            BucketFormulaError::Prefix,
            "{bad}"
        );
    }
    for bad in ["a-", "a.", "Z"] {
        assert_eq!(
            BucketFormula::new("", bad, "", None).unwrap_err(),
            BucketFormulaError::Suffix
        );
    }
    assert_eq!(
        BucketFormula::new("xn--a", "", "", None).unwrap_err(),
        BucketFormulaError::Reserved
    );
    assert_eq!(
        BucketFormula::new("", "", "a\0b", None).unwrap_err(),
        BucketFormulaError::Namespace
    );
}

#[test]
fn the_fingerprint_does_not_hold_the_secret() {
    assert!(!format!("{:?}", keyed("canary").fingerprint()).contains("canary"));
    assert!(!format!("{:?}", keyed("canary")).contains("canary"));
}

proptest! {
    #[test]
    fn callers_of_any_two_issuers_have_different_buckets(one in caller(), other in caller()) {
        prop_assume!(one != other);
        let formula = BucketFormula::default();
        prop_assert_ne!(formula.bucket(&one), formula.bucket(&other));
    }

    #[test]
    fn every_name_is_a_bucket_name(client in claim(), subject in claim()) {
        let name = BucketFormula::default().bucket(&principal(&client, &subject));
        prop_assert_eq!(name.as_str().len(), 63);
        prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
    }

    #[test]
    fn two_principals_never_share_a_name(a in claim(), b in claim(), c in claim(), d in claim()) {
        prop_assume!((&a, &b) != (&c, &d));
        let formula = BucketFormula::default();
        prop_assert_ne!(formula.bucket(&principal(&a, &b)), formula.bucket(&principal(&c, &d)));
    }

    #[test]
    fn moving_a_character_across_the_border_is_another_principal(s in "[a-z]{2,40}", at in 1_usize..39) {
        prop_assume!(at < s.len());
        let formula = BucketFormula::default();
        let (a, b) = s.split_at(at);
        let whole = formula.bucket(&principal(&s, &s));
        let split = formula.bucket(&principal(a, b));
        prop_assert_ne!(whole, split);
    }
}
