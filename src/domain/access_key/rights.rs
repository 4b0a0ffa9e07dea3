use std::fmt;
use std::str::FromStr;

use crate::domain::BucketName;
use crate::domain::text::{impl_text, is_plain};

/// The shortest prefix that may be followed by a wildcard, in characters.
const MIN_PREFIX_CHARS: usize = 3;
const MAX_PREFIX_CHARS: usize = 48;

/// What an access key opens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessKeyRights {
    /// List all buckets, and the objects in those under the prefix.
    pub all_buckets_read: bool,
    /// Get every object in every bucket under the prefix.
    pub all_objects_read: bool,
    /// Put and delete objects in every bucket under the prefix.
    pub all_objects_write: bool,
    /// List and get in these buckets.
    pub read_buckets: Vec<BucketName>,
    /// List, put and delete in these buckets.
    pub write_buckets: Vec<BucketName>,
    /// What "every bucket" begins with. Without it there are no such rights.
    pub prefix: Option<BucketPrefix>,
}

/// What the name of every bucket begins with that a key for "all buckets" reaches
/// (`access_keys.bucket_prefix`): `[a-z0-9][a-z0-9-.]*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketPrefix(String);

/// Not the start of a bucket name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected the start of a bucket name: {MIN_PREFIX_CHARS} to {MAX_PREFIX_CHARS} of the \
     characters a-z, 0-9, - and ., the first a letter or digit"
)]
pub struct InvalidBucketPrefix;

impl_text!(BucketPrefix);

impl AccessKeyRights {
    /// Whether any right is for every bucket under the prefix.
    #[must_use]
    pub fn reaches_all(&self) -> bool {
        self.all_buckets_read || self.all_objects_read || self.all_objects_write
    }

    /// The buckets that are named, each once.
    #[must_use]
    pub fn buckets(&self) -> Vec<&BucketName> {
        let mut buckets: Vec<&BucketName> = Vec::new();
        for bucket in self.read_buckets.iter().chain(&self.write_buckets) {
            if !buckets.contains(&bucket) {
                buckets.push(bucket);
            }
        }
        buckets
    }
}

impl fmt::Display for AccessKeyRights {
    /// As operators and the audit trail see them: `all-objects-read:acme-* read:reports`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.prefix.as_ref().map_or("", BucketPrefix::as_str);
        let all = [
            ("all-buckets-read", self.all_buckets_read),
            ("all-objects-read", self.all_objects_read),
            ("all-objects-write", self.all_objects_write),
        ];
        let all = all.into_iter().filter(|(_, is_granted)| *is_granted);
        let all = all.map(|(right, _)| format!("{right}:{prefix}*"));
        let read = self.read_buckets.iter().map(|b| format!("read:{b}"));
        let write = self.write_buckets.iter().map(|b| format!("write:{b}"));
        let rights: Vec<String> = all.chain(read).chain(write).collect();
        f.write_str(&rights.join(" "))
    }
}

impl BucketPrefix {
    /// Whether the bucket's name begins with the prefix.
    #[must_use]
    pub fn covers(&self, bucket: &BucketName) -> bool {
        bucket.as_str().starts_with(&self.0)
    }
}

impl FromStr for BucketPrefix {
    type Err = InvalidBucketPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidBucketPrefix> {
        let is_start = (MIN_PREFIX_CHARS..=MAX_PREFIX_CHARS).contains(&text.len())
            && is_plain(text)
            && !text.starts_with(['-', '.']);
        is_start
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidBucketPrefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_prefix_is_the_start_of_a_name() {
        for good in ["abc", "reports-", "a.b", "1-2"] {
            assert!(good.parse::<BucketPrefix>().is_ok(), "{good}");
        }
        let too_long = "a".repeat(49);
        for bad in ["", "ab", "-abc", ".abc", "Abc", "a*c", "a/c", &too_long] {
            assert!(bad.parse::<BucketPrefix>().is_err(), "{bad}");
        }
    }
}
