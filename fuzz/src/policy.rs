//! A session policy. It allows exactly what the grant covers, as judged by `iam-rs`, an evaluator that
//! knows nothing of grants.
//!
//! The first byte has the settings. Four lines follow: the grant's bucket or its owner, the prefix, the
//! bucket to try or its owner, and the key to try.

use cloakroom::domain::{
    Access, BucketFormula, BucketName, ClientId, ExtraAction, Grant, MAX_POLICY_CHARS, Owner,
    Prefix, Principal, SessionPolicy, SessionPolicySettings, Subject,
};
use iam_rs::{
    Arn, Context, ContextValue, Decision, IAMPolicy, IAMRequest, PolicyEvaluator,
    Principal as IamPrincipal, PrincipalId,
};

/// What S3, IAM and STS let a caller do, as far as it matters here.
const ACTIONS: [&str; 20] = [
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:ListBucket",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
    "s3:ListBucketMultipartUploads",
    "s3:GetBucketLocation",
    "s3:ListAllMyBuckets",
    "s3:ListBucketVersions",
    "s3:CreateBucket",
    "s3:DeleteBucket",
    "s3:GetObjectVersion",
    "s3:PutObjectAcl",
    "s3:GetBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:BypassGovernanceRetention",
    "iam:CreateAccessKey",
    "sts:AssumeRole",
    "admin:CreateServiceAccount",
];

/// An action on a bucket or on an object, and the prefix that a listing asks for.
pub(crate) struct Attempt<'a> {
    pub(crate) action: &'a str,
    pub(crate) bucket: &'a str,
    pub(crate) key: Option<&'a str>,
    pub(crate) prefix: Option<&'a str>,
}

pub(crate) fn check(input: &[u8]) -> bool {
    let Some((settings, text)) = input.split_first() else {
        return false;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let lines: Vec<&str> = text.splitn(4, '\n').collect();
    let &[bucket, prefix, other, key] = lines.as_slice() else {
        return false;
    };
    let (Some(bucket), Some(other)) = (bucket_of(bucket), bucket_of(other)) else {
        return false;
    };
    let prefix = match prefix {
        "" => None,
        text => match text.parse::<Prefix>() {
            Ok(prefix) => Some(prefix),
            Err(_) => return false,
        },
    };
    let has = |bit: u8| settings & 1 << bit != 0;
    let extra = ExtraAction::ALL
        .into_iter()
        .zip(0..)
        .filter(|(_, bit)| has(*bit));
    let settings = SessionPolicySettings {
        extra_actions: extra.map(|(action, _)| action).collect(),
        prefixes_climb: has(4),
    };
    let access = if has(5) {
        Access::Read
    } else {
        Access::ReadWrite
    };
    let grant = Grant {
        bucket,
        prefix,
        access,
    };
    let Ok(policy) = SessionPolicy::for_grant(&grant, &settings) else {
        return false;
    };
    assert!(policy.as_str().len() <= MAX_POLICY_CHARS && policy.as_str().is_ascii());
    let judge = judge(policy.as_str());
    let mut is_allowed = false;
    for action in ACTIONS {
        for bucket in [grant.bucket.as_str(), other.as_str()] {
            for (key, prefix) in [
                (Some(key), None),
                (Some(""), None),
                (None, Some(key)),
                (None, Some("")),
                (None, None),
            ] {
                let attempt = Attempt {
                    action,
                    bucket,
                    key,
                    prefix,
                };
                let allowed = allows(&judge, &attempt);
                is_allowed |= allowed;
                assert_eq!(
                    allowed,
                    is_granted(&grant, &settings, &attempt),
                    "{action} on {bucket} {key:?} {prefix:?} with {policy:?}"
                );
            }
        }
    }
    is_allowed
}

/// A bucket by its name, or the bucket of the person of that name.
fn bucket_of(text: &str) -> Option<BucketName> {
    let owner = || {
        Some(Owner::Principal(Principal {
            issuer: None,
            client_id: ClientId::parse("demo").ok()?,
            subject: Subject::parse(text).ok()?,
        }))
    };
    let formula = BucketFormula::default();
    text.parse()
        .ok()
        .or_else(|| Some(formula.bucket(&owner()?)))
}

/// The contract's section 6 in other words.
fn is_granted(grant: &Grant, settings: &SessionPolicySettings, attempt: &Attempt<'_>) -> bool {
    let within = grant.prefix.as_ref().map_or("", |prefix| prefix.as_str());
    let is_ours = attempt.bucket == grant.bucket.as_str();
    let is_extra = |action| settings.extra_actions.contains(&action);
    let writes = grant.access == Access::ReadWrite;
    let object = is_ours && attempt.key.is_some_and(|key| key.starts_with(within));
    let bucket = is_ours && attempt.key.is_none();
    let listed = attempt.prefix;
    let climbs = |prefix: &str| {
        let (folders, _) = prefix.rsplit_once('/').unwrap_or_default();
        folders.split('/').any(|folder| folder == "..")
    };
    let listing = bucket
        && (within.is_empty() || listed.is_some_and(|prefix| prefix.starts_with(within)))
        && !(settings.prefixes_climb && listed.is_some_and(climbs));
    match attempt.action {
        "s3:GetObject" => object,
        "s3:PutObject" | "s3:DeleteObject" => object && writes,
        "s3:ListBucket" => listing,
        "s3:AbortMultipartUpload" => {
            object && writes && is_extra(ExtraAction::AbortMultipartUpload)
        }
        "s3:ListMultipartUploadParts" => object && is_extra(ExtraAction::ListMultipartUploadParts),
        "s3:ListBucketMultipartUploads" => {
            listing && is_extra(ExtraAction::ListBucketMultipartUploads)
        }
        "s3:GetBucketLocation" => bucket && is_extra(ExtraAction::GetBucketLocation),
        _ => false,
    }
}

pub(crate) fn judge(policy: &str) -> PolicyEvaluator {
    let policy = IAMPolicy::from_json(policy).expect("a policy that others can read");
    PolicyEvaluator::with_policies(vec![policy])
}

pub(crate) fn allows(judge: &PolicyEvaluator, attempt: &Attempt<'_>) -> bool {
    let resource = match attempt.key {
        Some(key) => format!("{}/{}", attempt.bucket, literal(key)),
        None => attempt.bucket.to_owned(),
    };
    let resource = Arn {
        partition: "aws".to_owned(),
        service: "s3".to_owned(),
        region: String::new(),
        account_id: String::new(),
        resource,
    };
    let mut context = Context::new();
    if let Some(prefix) = attempt.prefix {
        context.insert(
            "s3:prefix".to_owned(),
            ContextValue::String(literal(prefix)),
        );
    }
    let session = "arn:aws:sts::000000000000:assumed-role/cloakroom/session".to_owned();
    let principal = IamPrincipal::Aws(PrincipalId::String(session));
    let request = IAMRequest::new_with_context(principal, attempt.action, resource, context);
    let judged = judge.evaluate(&request);
    judged.is_ok_and(|judged| judged.decision == Decision::Allow)
}

/// `iam-rs` takes `*` and `?` in the name of a resource for wildcards: private characters stand for
/// them, which only wildcards of the policy match.
fn literal(name: &str) -> String {
    name.replace('*', "\u{e02a}").replace('?', "\u{e03f}")
}
