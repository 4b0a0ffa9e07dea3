use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyPolicy, AccessKeyRights, AccessKeyState, AuditEvent,
    BucketFormula, BucketName, KeyPair, Loopholes,
};
use crate::service::{RegistryError, UpstreamError};

use super::KnownBuckets;

/// Makes and ends the pairs of access keys at an engine. A key may have several pairs at a time.
#[async_trait]
pub trait AccessKeyBroker: Send + Sync {
    /// What policies have to deny on this engine.
    fn loopholes(&self) -> Loopholes {
        Loopholes::NONE
    }

    /// Makes a pair for the key, under this policy and no other.
    async fn issue(
        &self,
        key: &AccessKeyId,
        policy: &AccessKeyPolicy,
    ) -> Result<KeyPair, UpstreamError>;

    /// The pairs of the key, by their access key ids.
    async fn pairs(&self, key: &AccessKeyId) -> Result<Vec<String>, UpstreamError>;

    /// Ends a pair. It is no error if the pair is gone.
    async fn withdraw(&self, key: &AccessKeyId, pair: &str) -> Result<(), UpstreamError>;

    /// Removes all that belongs to the key: pairs, policy, user. It is no error if they are gone.
    async fn remove(&self, key: &AccessKeyId) -> Result<(), UpstreamError>;

    /// Whether the engine accepts the pair. `bucket` is one that the key may list, if there is one.
    async fn works(
        &self,
        pair: &KeyPair,
        bucket: Option<&BucketName>,
    ) -> Result<bool, UpstreamError>;
}

/// Access keys, without secrets.
#[async_trait]
pub trait AccessKeyRegistry: AccessKeyRotations {
    /// All keys, the oldest first.
    async fn access_keys(&self) -> Result<Vec<AccessKey>, RegistryError>;

    /// The keys whose pairs may still work: every key, except disabled ones known to have no pairs; plus
    /// deleted keys that may still have some.
    async fn living_access_keys(&self) -> Result<Vec<AccessKey>, RegistryError>;

    /// The key of this name.
    async fn access_key(&self, id: &AccessKeyId) -> Result<Option<AccessKey>, RegistryError>;

    /// The keys that reach the bucket and whose pairs may still work, deleted keys included.
    async fn keys_that_reach(&self, bucket: &BucketName) -> Result<Vec<AccessKey>, RegistryError>;

    /// Who owns the buckets that these rights reach.
    async fn known_buckets(&self, rights: &AccessKeyRights) -> Result<KnownBuckets, RegistryError>;

    /// Adds the key, unless one of its buckets belongs to others by [`bucket_of_others`]. Returns that
    /// bucket. No bucket can get another owner meanwhile.
    ///
    /// [`bucket_of_others`]: super::bucket_of_others
    async fn add_access_key(
        &self,
        key: &AccessKey,
        formula: &BucketFormula,
        event: &AuditEvent,
    ) -> Result<Option<String>, RegistryError>;

    /// Adds an audit event that belongs to no change of a row.
    async fn note(&self, event: &AuditEvent) -> Result<(), RegistryError>;

    /// Disables the key, unless it is disabled.
    async fn disable_access_key(
        &self,
        id: &AccessKeyId,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError>;

    /// Marks the key as deleted, unless it is. From then on there is no such key, and the keeper removes
    /// it from the engine.
    async fn delete_access_key(
        &self,
        id: &AccessKeyId,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError>;

    /// Removes the row of a deleted key that is held by this lease: the engine has nothing of it any
    /// more.
    async fn forget_access_key(&self, id: &AccessKeyId, lease: &str) -> Result<(), RegistryError>;

    /// Records that the engine has no pairs of the disabled key, which is held by this lease.
    async fn mark_clean(
        &self,
        id: &AccessKeyId,
        lease: &str,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError>;

    /// Fails if this process makes bucket names with another formula than the registry's.
    async fn check_formula(&self) -> Result<(), RegistryError>;
}

/// The state of the rotations of access keys: leases and pairs. A lease, named by its taker, says who
/// may work on a key.
#[async_trait]
pub trait AccessKeyRotations: Send + Sync {
    /// Takes the key to look after it, unless another process has taken it since `stale`. The lease
    /// `gone` does not count, if it is still the same and was not renewed.
    async fn take(
        &self,
        id: &AccessKeyId,
        lease: &str,
        now: DateTime<Utc>,
        stale: DateTime<Utc>,
        gone: Option<&HeldLease>,
    ) -> Result<Taken, RegistryError>;

    /// Renews the lease. Returns false if it is over.
    async fn renew(&self, id: &AccessKeyId, lease: &str) -> Result<bool, RegistryError>;

    /// The leases that are held now.
    async fn leases(&self) -> Result<Vec<HeldLease>, RegistryError>;

    /// Takes the key for one rotation, unless another process has taken it since `stale`.
    async fn begin_rotation(
        &self,
        id: &AccessKeyId,
        lease: &str,
        now: DateTime<Utc>,
        stale: DateTime<Utc>,
    ) -> Result<bool, RegistryError>;

    /// Records the new pair, as not yet proven, and the audit event. Returns false if the lease is over
    /// or the key disabled or deleted. Fails as [`AccessKeyRegistry::check_formula`] does.
    async fn record_pair(
        &self,
        id: &AccessKeyId,
        lease: &str,
        pair: &str,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError>;

    /// Makes the new pair, which is proven, the current one. The one before it ends at `ends`. Returns
    /// false if the lease is over or the key disabled or deleted. May be repeated.
    async fn promote_pair(
        &self,
        id: &AccessKeyId,
        lease: &str,
        pair: &str,
        ends: DateTime<Utc>,
    ) -> Result<bool, RegistryError>;

    /// Ends the new pair `now` and sets the state `failed`. Changes nothing if the lease is over, or if
    /// the pair is proven or not on record.
    async fn give_up_pair(
        &self,
        id: &AccessKeyId,
        lease: &str,
        pair: &str,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError>;

    /// Ends the lease and sets the state, if one is given. After an end that is not clean, the key may
    /// have unrecorded pairs at the engine, and stays unfinished until a clean end.
    async fn end_rotation(
        &self,
        id: &AccessKeyId,
        lease: &str,
        state: Option<AccessKeyState>,
        is_clean: bool,
    ) -> Result<(), RegistryError>;

    /// The key's pairs on record.
    async fn recorded_pairs(&self, id: &AccessKeyId) -> Result<Vec<RecordedPair>, RegistryError>;

    /// Removes a pair that has ended.
    async fn forget_pair(&self, id: &AccessKeyId, pair: &str) -> Result<(), RegistryError>;

    /// The keys that the keeper has to look after:
    ///
    /// - keys that were taken before `stale`;
    /// - free keys that may have unrecorded pairs, or that have pairs due `now`;
    /// - disabled keys that are not known to have no pairs;
    /// - deleted keys.
    async fn unfinished(
        &self,
        now: DateTime<Utc>,
        stale: DateTime<Utc>,
    ) -> Result<Vec<Unfinished>, RegistryError>;
}

/// A pair on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedPair {
    /// Its access key id.
    pub id: String,
    /// Whether it is in use.
    pub standing: PairStanding,
}

/// Whether a pair is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairStanding {
    /// Handed out and not yet accepted by the engine. The one before it is still current. If the
    /// rotation was cut off, both live until the next rotation.
    Unproven,
    /// Proven to work, and the newest.
    Current,
    /// Replaced by another. It ends at this time.
    Ends(DateTime<Utc>),
}

/// A lease, as other processes see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLease {
    /// The key.
    pub key: AccessKeyId,
    /// The name of the lease.
    pub name: String,
    /// The number of its renewals, plus one for taking the key. It is 0 if an earlier version took the
    /// key, which does not renew.
    pub renewals: i64,
}

/// A key that the keeper has to look after.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// The key.
    pub id: AccessKeyId,
    /// Whether it is to be removed.
    pub is_deleted: bool,
    /// Whether all its pairs are to end.
    pub is_disabled: bool,
}

/// Whether the keeper has taken a key.
#[derive(Clone, Debug)]
pub enum Taken {
    /// The key is taken.
    Yes(Unfinished),
    /// Another process holds the key, which is disabled or deleted. Its pairs can be ended now. A
    /// rotation may still make one, so a later look must see that none is left.
    Besides(Unfinished),
    /// Another process holds the key, or there is no such key.
    No,
}
