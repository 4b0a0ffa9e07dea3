use std::fmt;

use crate::domain::{Access, Grant};

use super::{Condition, On, PolicyError, PrefixLike, Resource, Statement, write};

/// The inline session policy that confines credentials to one grant.
///
/// Only a [`crate::domain::BucketName`] and a [`crate::domain::Prefix`] enter it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionPolicy(String);

/// What session policies of one deployment have in common.
#[derive(Clone, Debug, Default)]
pub struct SessionPolicySettings {
    /// Actions beyond the four of docs/call.md.
    pub extra_actions: Vec<ExtraAction>,
    /// Whether the store follows `..` in the prefix of a listing out of the bucket, so that the policy
    /// must refuse it.
    pub prefixes_climb: bool,
}

/// Prefixes that climb: with `..` for a folder of their path.
const CLIMBING: [&str; 2] = ["../*", "*/../*"];

/// An action that an operator may add to the four of docs/call.md (`storage.extra_actions`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExtraAction {
    /// `s3:AbortMultipartUpload`, on objects; a write.
    AbortMultipartUpload,
    /// `s3:ListMultipartUploadParts`, on objects.
    ListMultipartUploadParts,
    /// `s3:ListBucketMultipartUploads`, on the bucket.
    ListBucketMultipartUploads,
    /// `s3:GetBucketLocation`, on the bucket.
    GetBucketLocation,
}

impl SessionPolicy {
    /// Writes the policy for a grant.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] when the prefix makes the policy too long for an engine.
    pub fn for_grant(grant: &Grant, settings: &SessionPolicySettings) -> Result<Self, PolicyError> {
        write(statements(grant, settings)).map(Self)
    }

    /// The policy as the STS call carries it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ExtraAction {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::AbortMultipartUpload,
        Self::ListMultipartUploadParts,
        Self::ListBucketMultipartUploads,
        Self::GetBucketLocation,
    ];

    /// The action as IAM writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AbortMultipartUpload => "s3:AbortMultipartUpload",
            Self::ListMultipartUploadParts => "s3:ListMultipartUploadParts",
            Self::ListBucketMultipartUploads => "s3:ListBucketMultipartUploads",
            Self::GetBucketLocation => "s3:GetBucketLocation",
        }
    }

    fn applies_to(self, target: Target, access: Access) -> bool {
        match self {
            Self::AbortMultipartUpload => target == Target::Objects && access == Access::ReadWrite,
            Self::ListMultipartUploadParts => target == Target::Objects,
            Self::ListBucketMultipartUploads => target == Target::List,
            Self::GetBucketLocation => target == Target::Bucket,
        }
    }
}

/// What a statement is about. Listing is separate from the bucket's other actions because only
/// listing has the condition key `s3:prefix`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    List,
    Bucket,
    Objects,
}

fn statements(grant: &Grant, settings: &SessionPolicySettings) -> Vec<Statement> {
    let bucket = format!("arn:aws:s3:::{}", grant.bucket);
    let prefix = grant.prefix.as_ref().map_or("", |prefix| prefix.as_str());
    let allow = |target, resource: &str, condition| Statement {
        effect: "Allow",
        action: actions(target, grant.access, &settings.extra_actions),
        on: Some(On::Resource(Resource::One(resource.to_owned()))),
        condition,
    };
    let only_below = grant.prefix.as_ref().map(|prefix| PrefixLike {
        prefix: format!("{prefix}*"),
    });
    let not_climbing = settings
        .prefixes_climb
        .then_some(PrefixLike { prefix: CLIMBING });
    let limited = only_below.is_some() || not_climbing.is_some();
    let condition = limited.then_some(Condition {
        string_like: only_below,
        string_not_like: not_climbing,
        ..Condition::default()
    });
    [
        allow(Target::List, &bucket, condition),
        allow(Target::Bucket, &bucket, None),
        allow(Target::Objects, &format!("{bucket}/{prefix}*"), None),
    ]
    .into_iter()
    .filter(|statement| !statement.action.is_empty())
    .collect()
}

fn actions(target: Target, access: Access, extra: &[ExtraAction]) -> Vec<&'static str> {
    let base: &[&str] = match (target, access) {
        (Target::List, _) => &["s3:ListBucket"],
        (Target::Bucket, _) => &[],
        (Target::Objects, Access::Read) => &["s3:GetObject"],
        (Target::Objects, Access::ReadWrite) => {
            &["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
        }
    };
    let added = extra
        .iter()
        .filter(|action| action.applies_to(target, access))
        .map(|action| action.as_str());
    base.iter().copied().chain(added).collect()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::matches;
    use super::*;
    use crate::domain::{Area, BucketFormula, ClientId, Owner, Prefix, Principal, Subject};

    fn grant(client_id: &str, subject: &str) -> Grant {
        let owner = Owner::Principal(Principal {
            issuer: None,
            client_id: ClientId::parse(client_id).unwrap(),
            subject: Subject::parse(subject).unwrap(),
        });
        Grant::whole(BucketFormula::default().bucket(&owner), Access::ReadWrite)
    }

    fn policy(grant: &Grant, extra: &[ExtraAction]) -> String {
        let settings = SessionPolicySettings {
            extra_actions: extra.to_vec(),
            ..SessionPolicySettings::default()
        };
        SessionPolicy::for_grant(grant, &settings).unwrap().0
    }

    fn against_climbing(grant: &Grant) -> String {
        let settings = SessionPolicySettings {
            prefixes_climb: true,
            ..SessionPolicySettings::default()
        };
        SessionPolicy::for_grant(grant, &settings).unwrap().0
    }

    fn with_prefix(prefix: &str, access: Access) -> Grant {
        Grant {
            prefix: Some(prefix.parse().unwrap()),
            access,
            ..grant("demo", "alice")
        }
    }

    fn resources(policy: &str) -> Vec<String> {
        let document: Value = serde_json::from_str(policy).unwrap();
        let statements = document["Statement"].as_array().unwrap();
        assert!(!statements.is_empty());
        statements
            .iter()
            .map(|s| s["Resource"].as_str().unwrap().to_owned())
            .collect()
    }

    fn allowed_actions(policy: &str) -> Vec<String> {
        let document: Value = serde_json::from_str(policy).unwrap();
        let statements = document["Statement"].as_array().unwrap();
        statements
            .iter()
            .flat_map(|s| s["Action"].as_array().unwrap())
            .map(|a| a.as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_whole_bucket() {
        assert_snapshot!(policy(&grant("demo", "alice"), &[]));
    }

    #[test]
    fn a_prefix_in_a_bucket() {
        assert_snapshot!(policy(&with_prefix("acme/", Access::ReadWrite), &[]));
    }

    #[test]
    fn a_prefix_to_read() {
        assert_snapshot!(policy(&with_prefix("acme/", Access::Read), &[]));
    }

    #[test]
    fn every_extra_action() {
        assert_snapshot!(policy(
            &with_prefix("acme/", Access::ReadWrite),
            &ExtraAction::ALL
        ));
    }

    #[test]
    fn a_whole_bucket_of_a_store_whose_prefixes_climb() {
        assert_snapshot!(against_climbing(&grant("demo", "alice")));
    }

    #[test]
    fn a_prefix_of_a_store_whose_prefixes_climb() {
        assert_snapshot!(against_climbing(&with_prefix("acme/", Access::Read)));
    }

    #[test]
    fn the_actions_are_the_four_and_no_other() {
        assert_eq!(
            allowed_actions(&policy(&grant("demo", "alice"), &[])),
            [
                "s3:ListBucket",
                "s3:GetObject",
                "s3:PutObject",
                "s3:DeleteObject"
            ]
        );
    }

    #[test]
    fn reading_never_writes() {
        let policy = policy(&with_prefix("a/", Access::Read), &ExtraAction::ALL);
        for action in allowed_actions(&policy) {
            assert!(
                !["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
                    .contains(&action.as_str())
            );
        }
    }

    #[test]
    fn a_policy_that_an_engine_would_refuse_is_not_written() {
        let grant = with_prefix(&format!("{}/", "a".repeat(1_000)), Access::ReadWrite);
        let settings = SessionPolicySettings::default();
        assert_eq!(
            SessionPolicy::for_grant(&grant, &settings),
            Err(PolicyError)
        );
    }

    proptest! {
        #[test]
        fn no_policy_reaches_another_principals_bucket(
            a in "[^\\p{C}]{1,40}", b in "[^\\p{C}]{1,40}",
            c in "[^\\p{C}]{1,40}", d in "[^\\p{C}]{1,40}",
            key in "[^\\p{C}]{0,40}",
        ) {
            prop_assume!((&a, &b) != (&c, &d));
            let other = grant(&c, &d).bucket;
            let targets = [
                format!("arn:aws:s3:::{other}"),
                format!("arn:aws:s3:::{other}/{key}"),
                format!("arn:aws:s3:::{other}/../{key}"),
            ];
            for pattern in resources(&policy(&grant(&a, &b), &ExtraAction::ALL)) {
                for target in &targets {
                    prop_assert!(!matches(&pattern, target), "{} reaches {}", pattern, target);
                }
            }
        }

        #[test]
        fn the_climbing_patterns_match_a_folder_of_two_dots(prefix in "[a./]{0,12}") {
            let mut folders: Vec<&str> = prefix.split('/').collect();
            folders.pop();
            let climbs = CLIMBING.iter().any(|pattern| matches(pattern, &prefix));
            prop_assert_eq!(climbs, folders.contains(&".."));
        }

        #[test]
        fn only_our_alphabet_enters_a_policy(client in "[^\\p{C}]{1,40}", subject in "[^\\p{C}]{1,40}") {
            for resource in resources(&policy(&grant(&client, &subject), &[])) {
                let inserted = resource.strip_prefix("arn:aws:s3:::").unwrap();
                let inserted = inserted.strip_suffix("/*").unwrap_or(inserted);
                prop_assert!(inserted.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
            }
        }

        #[test]
        fn a_prefix_never_matches_a_sibling(prefix in "[a-z]{1,12}", tail in "[a-z0-9.-]{1,12}") {
            let policy = policy(&with_prefix(&format!("{prefix}/"), Access::ReadWrite), &[]);
            let bucket = grant("demo", "alice").bucket;
            let objects = format!("arn:aws:s3:::{bucket}/{prefix}/*");
            prop_assert!(resources(&policy).contains(&objects));
            let sibling = format!("arn:aws:s3:::{bucket}/{prefix}{tail}/x");
            prop_assert!(!matches(&objects, &sibling));
        }

        #[test]
        fn no_area_reaches_another(
            a in "([a-c.-]{1,3}/){1,3}", b in "([a-c.-]{1,3}/){1,3}", key in "[^\\p{C}]{0,20}",
        ) {
            let areas = [&a, &b].map(|prefix| prefix.parse::<Prefix>().map(|prefix| Area {
                bucket: grant("demo", "alice").bucket,
                prefix,
            }));
            let [Ok(mine), Ok(theirs)] = areas else { return Ok(()) };
            prop_assume!(!mine.overlaps(&theirs));
            let policy = policy(&mine.grant(Access::ReadWrite), &ExtraAction::ALL);
            let document: Value = serde_json::from_str(&policy).unwrap();
            let listed = document["Statement"][0]["Condition"]["StringLike"]["s3:prefix"].as_str();
            let (_, objects) = policy.rsplit_once("\"Resource\":\"").unwrap();
            let (objects, _) = objects.split_once('"').unwrap();
            for target in [b.clone(), format!("{b}{key}"), format!("{b}../{key}")] {
                let bucket = &mine.bucket;
                let object = format!("arn:aws:s3:::{bucket}/{target}");
                prop_assert!(!matches(objects, &object), "{} reaches {}", objects, object);
                prop_assert!(!matches(listed.unwrap(), &target), "{:?} lists {}", listed, target);
            }
            for half in (0..a.len()).map(|end| &a[..end]) {
                prop_assert!(!matches(listed.unwrap(), half), "{:?} lists {}", listed, half);
            }
        }

        #[test]
        fn a_policy_is_compact_ascii(client in "[^\\p{C}]{1,40}") {
            let policy = policy(&grant(&client, "x"), &ExtraAction::ALL);
            prop_assert!(policy.is_ascii() && !policy.contains(char::is_whitespace));
        }
    }
}
