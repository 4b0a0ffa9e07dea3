mod id;
mod owner;
mod rights;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use secrecy::SecretString;

use super::{BucketName, Owner};

pub use id::{AccessKeyId, CapabilityId, InvalidAccessKeyId};
pub use owner::AccessKeyOwner;
pub use rights::{AccessKeyRights, BucketPrefix, InvalidBucketPrefix};

/// A long-lived access key, for tools that cannot refresh credentials.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// Its name.
    pub id: AccessKeyId,
    /// What the operator calls it.
    pub name: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Who may ask for its credentials.
    pub owner: AccessKeyOwner,
    /// What it opens.
    pub rights: AccessKeyRights,
    /// From where its credentials may be asked for; from anywhere if empty.
    pub networks: Vec<IpNet>,
    /// The state of its newest pair.
    pub state: AccessKeyState,
    /// When it was disabled, if it was.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// The state of a key's newest pair, in the words of docs/api/access-keys.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKeyState {
    /// There is no pair yet, or the newest is not yet proven to work.
    Pending,
    /// The pair works.
    Active,
    /// The pair could not be proven to work.
    Failed,
}

/// The two halves of an access key at the store. Unlike a session it has no token and no end.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// Names the pair.
    pub access_key_id: String,
    /// Signs requests. Shown once, stored nowhere.
    pub secret_access_key: SecretString,
}

impl AccessKey {
    /// Whether the key opens the bucket to anyone but this owner. A right on every bucket under a
    /// prefix does, no matter whose key it is.
    #[must_use]
    pub fn opens_to_others(&self, bucket: &BucketName, owner: &Owner) -> bool {
        let prefix = self.rights.prefix.as_ref();
        let by_prefix = self.rights.reaches_all() && prefix.is_some_and(|p| p.covers(bucket));
        let by_name = self.rights.buckets().contains(&bucket);
        by_prefix || (by_name && !self.owner.owns(owner))
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
