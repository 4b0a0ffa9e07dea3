use proptest::prelude::*;
use serde_json::Value;

use super::super::matches;
use super::*;

const WRITERS: Loopholes = Loopholes {
    writers_own_objects: true,
    ..Loopholes::NONE
};
const SESSIONS: Loopholes = Loopholes {
    sessions_outlive_pairs: true,
    ..Loopholes::NONE
};
const USERS: Loopholes = Loopholes {
    users_administer: true,
    ..Loopholes::NONE
};
const ENGINES: [Loopholes; 4] = [Loopholes::NONE, WRITERS, SESSIONS, USERS];

fn buckets(names: &[&str]) -> Vec<BucketName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn named(read: &[&str], write: &[&str]) -> AccessKeyRights {
    AccessKeyRights {
        read_buckets: buckets(read),
        write_buckets: buckets(write),
        ..AccessKeyRights::default()
    }
}

fn all() -> AccessKeyRights {
    AccessKeyRights {
        all_buckets_read: true,
        all_objects_read: true,
        all_objects_write: true,
        ..AccessKeyRights::default()
    }
}

fn policy(rights: &AccessKeyRights, loopholes: Loopholes) -> String {
    let rights = AccessKeyRights {
        prefix: Some("reports-".parse().unwrap()),
        ..rights.clone()
    };
    AccessKeyPolicy::for_rights(&rights, loopholes).unwrap().0
}

/// A second reading of the policy: whether one of its statements to this effect is about the
/// action on the resource. The only condition there is holds for sessions.
fn says(effect: &str, policy: &str, action: &str, resource: &str, is_session: bool) -> bool {
    let document: Value = serde_json::from_str(policy).unwrap();
    let resource = format!("arn:aws:s3:::{resource}");
    let holds = |list: &Value, wanted: &str| match list {
        Value::String(one) => matches(one, wanted),
        list => {
            let list = list.as_array().unwrap().iter();
            list.map(|one| one.as_str().unwrap())
                .any(|one| matches(one, wanted))
        }
    };
    let statements = document["Statement"].as_array().unwrap();
    statements.iter().any(|statement| {
        let is_on = match (&statement["Resource"], &statement["NotResource"]) {
            (Value::Null, Value::Null) => true,
            (on, Value::Null) => holds(on, &resource),
            (_, but) => !holds(but, &resource),
        };
        let is_met = statement["Condition"].is_null() || is_session;
        statement["Effect"] == effect && holds(&statement["Action"], action) && is_on && is_met
    })
}

fn allows(policy: &str, action: &str, resource: &str) -> bool {
    let says = |effect| says(effect, policy, action, resource, false);
    says("Allow") && !says("Deny")
}

#[test]
fn the_policies_are_what_they_are() {
    let (some, all) = (named(&["one", "two"], &["two"]), all());
    insta::assert_snapshot!(policy(&some, Loopholes::NONE));
    insta::assert_snapshot!(policy(&all, Loopholes::NONE));
    insta::assert_snapshot!("written_to_writers", policy(&some, WRITERS));
    insta::assert_snapshot!("all_to_writers", policy(&all, WRITERS));
    insta::assert_snapshot!("not_to_sessions", policy(&some, SESSIONS));
    insta::assert_snapshot!("not_to_administer", policy(&some, USERS));
}

#[test]
fn a_writer_may_no_more_than_others_with_what_it_has_written() {
    let policy = |rights| policy(&rights, WRITERS);
    let says = |effect, policy: &str, action, on| says(effect, policy, action, on, false);
    let both = policy(named(&["rrr", "both"], &["www", "both"]));
    for object in ["rrr/x", "www/x", "both/x", "other/x"] {
        for action in [
            "s3:GetObjectAcl",
            "s3:GetObjectVersion",
            "s3:GetObjectTagging",
            "s3:PutObjectAcl",
            "s3:PutObjectVersionAcl",
            "s3:PutObjectTagging",
            "s3:DeleteObjectVersion",
        ] {
            assert!(says("Deny", &both, action, object), "{action} {object}");
        }
        let is_readable = !object.starts_with("www") && !object.starts_with("other");
        let denied = says("Deny", &both, "s3:GetObject", object);
        assert_eq!(denied, !is_readable, "{object}");
    }
    let writes = policy(named(&[], &["www"]));
    assert!(says("Deny", &writes, "s3:GetObject", "www/x"));
    let all = policy(all());
    assert!(!says("Deny", &all, "s3:GetObject", "reports-1/x"));
    assert!(says("Deny", &all, "s3:GetObject", "report/x"));
    let writes_all = policy(AccessKeyRights {
        all_objects_write: true,
        ..named(&["rrr"], &[])
    });
    assert!(says("Deny", &writes_all, "s3:GetObject", "reports-1/x"));
    assert!(!says("Deny", &writes_all, "s3:GetObject", "rrr/x"));
}

#[test]
fn reading_and_writing_are_apart() {
    for loopholes in ENGINES {
        let policy = policy(&named(&["rrr", "both"], &["www", "both"]), loopholes);
        for (bucket, get, put) in [
            ("rrr", true, false),
            ("www", false, true),
            ("both", true, true),
        ] {
            let object = format!("{bucket}/a/b");
            assert!(allows(&policy, "s3:ListBucket", bucket));
            assert_eq!(allows(&policy, "s3:GetObject", &object), get);
            assert_eq!(allows(&policy, "s3:PutObject", &object), put);
            assert_eq!(allows(&policy, "s3:DeleteObject", &object), put);
            assert!(!allows(&policy, "s3:DeleteBucket", bucket));
        }
        assert!(!allows(&policy, "s3:ListAllMyBuckets", ""));
    }
}

#[test]
fn a_session_of_the_pair_opens_nothing() {
    let policy = policy(&named(&["both"], &["both"]), SESSIONS);
    for action in ["s3:ListBucket", "s3:GetObject", "s3:PutObject"] {
        assert!(says("Deny", &policy, action, "both/x", true), "{action}");
        assert!(!says("Deny", &policy, action, "both/x", false), "{action}");
    }
    assert!(policy.contains(r#"{"Null":{"aws:TokenIssueTime":"false"}}"#));
}

#[test]
fn each_right_in_all_buckets_is_that_right_only() {
    let each = |change: fn(&mut AccessKeyRights)| {
        ENGINES.map(|loopholes| {
            let mut rights = AccessKeyRights::default();
            change(&mut rights);
            let policy = policy(&rights, loopholes);
            [
                allows(&policy, "s3:ListAllMyBuckets", ""),
                allows(&policy, "s3:ListBucket", "reports-1"),
                allows(&policy, "s3:GetObject", "reports-1/x"),
                allows(&policy, "s3:PutObject", "reports-1/x"),
                allows(&policy, "s3:DeleteObject", "reports-1/x"),
            ]
        })
    };
    let names = each(|rights| rights.all_buckets_read = true);
    assert_eq!(names, [[true, true, false, false, false]; 4]);
    let read = each(|rights| rights.all_objects_read = true);
    assert_eq!(read, [[false, false, true, false, false]; 4]);
    let write = each(|rights| rights.all_objects_write = true);
    assert_eq!(write, [[false, false, false, true, true]; 4]);
}

#[test]
fn what_cannot_be_confined_is_not_written() {
    for loopholes in ENGINES {
        let nothing = AccessKeyPolicy::for_rights(&AccessKeyRights::default(), loopholes);
        assert_eq!(nothing, Err(AccessKeyPolicyError::Empty));
    }
    let policy = |rights: &AccessKeyRights| AccessKeyPolicy::for_rights(rights, Loopholes::NONE);
    for change in [
        |rights: &mut AccessKeyRights| rights.all_buckets_read = true,
        |rights: &mut AccessKeyRights| rights.all_objects_read = true,
        |rights: &mut AccessKeyRights| rights.all_objects_write = true,
    ] {
        let mut rights = named(&["one"], &[]);
        change(&mut rights);
        let refused = policy(&rights);
        assert_eq!(refused, Err(AccessKeyPolicyError::NoPrefix));
    }
    let many: Vec<String> = (0..60).map(|n| format!("bucket-{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let refused = policy(&named(&many, &[]));
    assert_eq!(refused, Err(AccessKeyPolicyError::TooLong(PolicyError)));
}

proptest! {
    #[test]
    fn no_policy_reaches_a_bucket_that_it_does_not_name(
        read in proptest::collection::vec("[a-c1.-]{3,6}", 0..4),
        write in proptest::collection::vec("[a-c1.-]{3,6}", 0..4),
        other in "[a-c1.-]{3,6}",
        key in "[^\\p{C}]{0,20}",
        whole in any::<bool>(),
        prefix in "[a-c1][a-c1.-]{2}",
    ) {
        let parse = |names: &[String]| -> Vec<BucketName> {
            names.iter().filter_map(|name| name.parse().ok()).collect()
        };
        let mut rights = if whole { all() } else { AccessKeyRights::default() };
        rights.read_buckets = parse(&read);
        rights.write_buckets = parse(&write);
        prop_assume!(!rights.buckets().iter().any(|bucket| bucket.as_str() == other));
        rights.prefix = Some(prefix.parse().unwrap());
        prop_assume!(!other.starts_with(&prefix));
        for loopholes in ENGINES {
            let Ok(policy) = AccessKeyPolicy::for_rights(&rights, loopholes) else {
                continue;
            };
            let policy = policy.as_str();
            prop_assert!(policy.is_ascii() && !policy.contains(char::is_whitespace));
            for action in ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"] {
                for target in [other.clone(), format!("{other}/{key}"), format!("{other}/../{key}")] {
                    prop_assert!(!allows(policy, action, &target), "{} {}", action, target);
                }
            }
        }
    }
}
