use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use secrecy::SecretString;

use super::{BucketName, Caller, Owner, Principal, Slug, Subject};

const ID_PREFIX: &str = "ak_";
const ID_DIGITS: usize = 24;

/// The shortest prefix that is worth a wildcard, in characters.
const MIN_PREFIX_CHARS: usize = 3;
const MAX_PREFIX_CHARS: usize = 48;

/// The name of an access key that lasts: `ak_` and 24 hex digits. It opens nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccessKeyId(String);

/// Not the name of an access key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected ak_ and 24 hex digits, as `cloakroom access-key list` shows them")]
pub struct InvalidAccessKeyId;

/// The name of a capability token, its `jti` (RFC 7519 section 4.1.7): 32 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CapabilityId(String);

/// What all the buckets begin with that a key for "all buckets" reaches
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

/// An access key that lasts, for tools that cannot refresh.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// Its name.
    pub id: AccessKeyId,
    /// What the operator calls it.
    pub name: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Whose it is.
    pub owner: AccessKeyOwner,
    /// What it opens.
    pub rights: AccessKeyRights,
    /// From where credentials may be asked for; from anywhere if none is named.
    pub networks: Vec<IpNet>,
    /// How far its credentials have come.
    pub state: AccessKeyState,
    /// Since when it opens nothing, if so.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// What an access key opens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessKeyRights {
    /// To list buckets, and what is in those under the prefix.
    pub all_buckets_read: bool,
    /// To get every object in every bucket under the prefix.
    pub all_objects_read: bool,
    /// To put and delete there.
    pub all_objects_write: bool,
    /// To list and get.
    pub read_buckets: Vec<BucketName>,
    /// To put, delete and list.
    pub write_buckets: Vec<BucketName>,
    /// What "every bucket" begins with; without it there is no such right.
    pub prefix: Option<BucketPrefix>,
}

/// Whose an access key is: who may ask for its credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessKeyOwner {
    /// A person through one client.
    Principal(Principal),
    /// A person through any client.
    Subject(Subject),
    /// An organisation.
    Organisation(Slug),
}

/// How far the credentials of a key have come, as docs/api/access-keys.md has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKeyState {
    /// There are none yet, or new ones are on their way.
    Pending,
    /// They work.
    Active,
    /// They could not be shown to work.
    Failed,
}

/// A pair for the store, without a session token.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// Names the pair.
    pub access_key_id: String,
    /// Signs with it; shown once, stored nowhere.
    pub secret_access_key: SecretString,
}

impl CapabilityId {
    /// A name of these random bits.
    #[must_use]
    pub fn from_random(bits: [u8; 16]) -> Self {
        Self(hex::encode(bits))
    }
}

impl fmt::Display for CapabilityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
        let named = |right, buckets: &[BucketName]| {
            let opened = buckets.iter().map(|bucket| format!("{right}:{bucket}"));
            opened.collect::<Vec<_>>()
        };
        let read = named("read", &self.read_buckets);
        let write = named("write", &self.write_buckets);
        let rights: Vec<String> = all.chain(read).chain(write).collect();
        f.write_str(&rights.join(" "))
    }
}

impl AccessKeyId {
    /// A name of these random bits.
    #[must_use]
    pub fn from_random(bits: [u8; 16]) -> Self {
        let digits = hex::encode(bits);
        Self(format!("{ID_PREFIX}{digits:.ID_DIGITS$}"))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccessKeyId {
    type Err = InvalidAccessKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidAccessKeyId> {
        let digits = text.strip_prefix(ID_PREFIX).ok_or(InvalidAccessKeyId)?;
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if digits.len() == ID_DIGITS && digits.bytes().all(is_digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidAccessKeyId)
        }
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl BucketPrefix {
    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the bucket is one of those.
    #[must_use]
    pub fn covers(&self, bucket: &BucketName) -> bool {
        bucket.as_str().starts_with(&self.0)
    }
}

impl fmt::Display for BucketPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BucketPrefix {
    type Err = InvalidBucketPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidBucketPrefix> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        let length = MIN_PREFIX_CHARS..=MAX_PREFIX_CHARS;
        let is_start = length.contains(&text.len())
            && text.bytes().all(allowed)
            && !text.starts_with(['-', '.']);
        is_start
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidBucketPrefix)
    }
}

impl AccessKeyRights {
    /// Whether any of them is for every bucket under the prefix.
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

impl AccessKey {
    /// Whether the key opens the bucket to anyone but this owner. A right on every bucket under a
    /// prefix does, whoever the key belongs to.
    #[must_use]
    pub fn opens_to_others(&self, bucket: &BucketName, owner: &Owner) -> bool {
        let prefix = self.rights.prefix.as_ref();
        let by_prefix = self.rights.reaches_all() && prefix.is_some_and(|p| p.covers(bucket));
        let by_name = self.rights.buckets().contains(&bucket);
        by_prefix || (by_name && !self.owner.is_owner(owner))
    }
}

impl AccessKeyOwner {
    /// Whether this is the owner of the storage, too. A workspace is its members', never its
    /// organisation's.
    fn is_owner(&self, owner: &Owner) -> bool {
        match (self, owner) {
            (Self::Principal(principal), Owner::Principal(owner)) => principal == owner,
            (Self::Subject(subject), Owner::Principal(owner)) => *subject == owner.subject,
            (Self::Organisation(slug), Owner::Organisation(owner)) => slug == owner,
            _ => false,
        }
    }

    /// The kind, as the registry writes it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Principal(_) => "principal",
            Self::Subject(_) => "subject",
            Self::Organisation(_) => "organisation",
        }
    }

    /// The identity within the kind: unambiguous text.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Principal(principal) => principal.to_string(),
            Self::Subject(subject) => subject.as_str().to_owned(),
            Self::Organisation(slug) => slug.to_string(),
        }
    }

    /// Whether this is whose key it is.
    #[must_use]
    pub fn is(&self, caller: &Caller) -> bool {
        match (self, caller) {
            (Self::Principal(principal), Caller::Token(holder)) => holder.principal == *principal,
            (Self::Subject(subject), Caller::Token(holder)) => holder.principal.subject == *subject,
            (Self::Organisation(slug), Caller::ApiKey(holder)) => holder.organisation == *slug,
            (Self::Principal(_) | Self::Subject(_), Caller::ApiKey(_))
            | (Self::Organisation(_), Caller::Token(_)) => false,
        }
    }
}

impl fmt::Display for AccessKeyOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.id())
    }
}

impl AccessKeyState {
    /// As docs/api/access-keys.md writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_recognised_by_its_form() {
        let id = AccessKeyId::from_random([0xab; 16]);
        assert_eq!(id.as_str(), "ak_abababababababababababab");
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        for bad in ["", "ak_", "ak_AB", &id.as_str()[..26], &format!("{id}0")] {
            assert_eq!(bad.parse::<AccessKeyId>(), Err(InvalidAccessKeyId), "{bad}");
        }
    }

    #[test]
    fn a_bucket_prefix_is_the_start_of_a_name() {
        for good in ["abc", "reports-", "a.b", "1-2"] {
            assert!(good.parse::<BucketPrefix>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "ab",
            "-abc",
            ".abc",
            "Abc",
            "a*c",
            "a/c",
            &"a".repeat(49),
        ] {
            assert!(bad.parse::<BucketPrefix>().is_err(), "{bad}");
        }
    }
}
