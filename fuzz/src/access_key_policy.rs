//! The policy of an access key. It allows exactly the key's rights, as judged by `iam-rs`.
//!
//! The first two bytes are flags; the rest is lines: the prefix, the bucket and the object key to try, then
//! the buckets that the access key names.

use cloakroom::domain::{AccessKeyPolicy, AccessKeyRights, BucketName, BucketPrefix, Loopholes};

use crate::policy::{Attempt, allows, judge};

const ACTIONS: [&str; 10] = [
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:ListBucket",
    "s3:ListAllMyBuckets",
    "s3:GetObjectAcl",
    "s3:PutObjectAcl",
    "s3:PutBucketPolicy",
    "sts:GetSessionToken",
    "admin:CreateServiceAccount",
];

pub(crate) fn check(input: &[u8]) -> bool {
    let Some((&[flags, writable], text)) = input.split_first_chunk::<2>() else {
        return false;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let mut lines = text.split('\n');
    let has = |bit: u8| flags & 1 << bit != 0;
    let prefix: Option<BucketPrefix> = lines.next().and_then(|line| line.parse().ok());
    let (Some(tried), Some(key)) = (lines.next(), lines.next()) else {
        return false;
    };
    let Ok(tried) = tried.parse::<BucketName>() else {
        return false;
    };
    let named = lines
        .filter_map(|line| line.parse::<BucketName>().ok())
        .take(8);
    let (write, read): (Vec<_>, Vec<_>) = named
        .zip(0_u8..)
        .partition(|(_, at)| writable & 1_u8 << *at != 0);
    let buckets =
        |list: Vec<(BucketName, u8)>| list.into_iter().map(|(bucket, _)| bucket).collect();
    let rights = AccessKeyRights {
        all_buckets_read: has(0),
        all_objects_read: has(1),
        all_objects_write: has(2),
        read_buckets: buckets(read),
        write_buckets: buckets(write),
        prefix,
    };
    let loopholes = Loopholes {
        writers_own_objects: has(3),
        sessions_outlive_pairs: has(4),
        users_administer: has(5),
    };
    let Ok(policy) = AccessKeyPolicy::for_rights(&rights, loopholes) else {
        return false;
    };
    let judge = judge(policy.as_str());
    let mut is_allowed = false;
    let buckets = rights.buckets().into_iter().chain([&tried]);
    for bucket in buckets.map(BucketName::as_str) {
        for action in ACTIONS {
            for key in [Some(key), Some(""), None] {
                // Engines judge a listing by its bucket; `acme-*` would match an object as well.
                if action == "s3:ListBucket" && key.is_some() {
                    continue;
                }
                let attempt = Attempt {
                    action,
                    bucket,
                    key,
                    prefix: None,
                };
                let allowed = allows(&judge, &attempt);
                is_allowed |= allowed;
                assert_eq!(
                    allowed,
                    is_granted(&rights, &attempt),
                    "{action} on {bucket} {key:?} with {policy:?}"
                );
            }
        }
    }
    is_allowed
}

/// The rights in other words.
fn is_granted(rights: &AccessKeyRights, attempt: &Attempt<'_>) -> bool {
    let under = rights.prefix.as_ref().map(BucketPrefix::as_str);
    let covered = under.is_some_and(|prefix| attempt.bucket.starts_with(prefix));
    let names = |list: &[BucketName]| list.iter().any(|name| name.as_str() == attempt.bucket);
    let (read, write) = (names(&rights.read_buckets), names(&rights.write_buckets));
    let object = attempt.key.is_some();
    match attempt.action {
        "s3:GetObject" => object && (read || rights.all_objects_read && covered),
        "s3:PutObject" | "s3:DeleteObject" => {
            object && (write || rights.all_objects_write && covered)
        }
        "s3:ListBucket" => !object && (read || write || rights.all_buckets_read && covered),
        "s3:ListAllMyBuckets" => rights.all_buckets_read,
        _ => false,
    }
}
