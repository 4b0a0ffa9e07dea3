//! Access keys that last: how they are handed out, and the ports behind that.

mod credential;
mod keeper;
mod lease;
mod proof;
mod rotate;
mod run;
mod running;
mod tenants;
mod timing;
mod watch;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyPolicy, AccessKeyRights, AccessKeyState, AuditEvent,
    BucketFormula, BucketName, KeyPair, Loopholes, Principal, Slug,
};

use super::{RegistryError, UpstreamError};

pub use credential::{
    CAPABILITY_TYPE, Capabilities, RotationAdmission, RotationCaller, RotationCredential,
    UnadmittedCaller,
};
pub use keeper::{AccessKeyKeeper, AccessKeyKeeperError, AccessKeyKeeperPorts};
pub(super) use proof::prove;
pub use rotate::{
    RotateAccessKey, RotateAccessKeyPorts, RotateAccessKeySettings, Rotated, Rotation,
};
pub use running::Rotations;
pub use tenants::{KnownBuckets, bucket_of_others};
pub use timing::STATEMENT_LIMIT;

/// Access keys that an engine holds: its users, their policies and their pairs. A key may have
/// several pairs at a time.
#[async_trait]
pub trait AccessKeyBroker: Send + Sync {
    /// What a policy has to close here.
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

    /// Ends a pair; one that is gone is no failure.
    async fn withdraw(&self, key: &AccessKeyId, pair: &str) -> Result<(), UpstreamError>;

    /// Removes all that is the key's: pairs, policy, user. What is gone is no failure.
    async fn remove(&self, key: &AccessKeyId) -> Result<(), UpstreamError>;

    /// Whether the engine accepts the pair. A bucket that the key may list is asked about, where
    /// there is one.
    async fn works(
        &self,
        pair: &KeyPair,
        bucket: Option<&BucketName>,
    ) -> Result<bool, UpstreamError>;
}

/// Access keys, and how far their rotations have come, in the registry. Never a secret.
#[async_trait]
pub trait AccessKeyRegistry: Send + Sync {
    /// All of them, by age.
    async fn access_keys(&self) -> Result<Vec<AccessKey>, RegistryError>;

    /// Those whose pairs may live: all but the disabled ones that are known to be clean; also the
    /// deleted ones that are not.
    async fn living_access_keys(&self) -> Result<Vec<AccessKey>, RegistryError>;

    /// The key of this name.
    async fn access_key(&self, id: &AccessKeyId) -> Result<Option<AccessKey>, RegistryError>;

    /// The keys that reach the bucket and whose pairs are not proven dead: deleted keys too, until
    /// the engine has let go of them.
    async fn keys_that_reach(&self, bucket: &BucketName) -> Result<Vec<AccessKey>, RegistryError>;

    /// Who owns the buckets that these rights reach.
    async fn known_buckets(&self, rights: &AccessKeyRights) -> Result<KnownBuckets, RegistryError>;

    /// Writes the key down, unless one of its buckets is another owner's by [`bucket_of_others`],
    /// while no bucket can get another owner. Returns that bucket.
    async fn add_access_key(
        &self,
        key: &AccessKey,
        formula: &BucketFormula,
        event: &AuditEvent,
    ) -> Result<Option<String>, RegistryError>;

    /// Writes down what was done that changes no row.
    async fn note(&self, event: &AuditEvent) -> Result<(), RegistryError>;

    /// Ends the asking for its credentials, unless that is done.
    async fn disable_access_key(
        &self,
        id: &AccessKeyId,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError>;

    /// Sets out to delete it, unless that is done: from now on there is no such key, and the engine is to be cleaned.
    async fn delete_access_key(
        &self,
        id: &AccessKeyId,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError>;

    /// The engine is clean: whoever holds the deleted key by this lease forgets it.
    async fn forget_access_key(&self, id: &AccessKeyId, lease: &str) -> Result<(), RegistryError>;

    /// Nothing of the disabled key's is left at the engine, says who has it by this lease.
    async fn mark_clean(
        &self,
        id: &AccessKeyId,
        lease: &str,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError>;

    /// Fails where bucket names are made here with other values than the registry's: then nothing is
    /// handed out.
    async fn check_formula(&self) -> Result<(), RegistryError>;

    /// Takes the key to look after it, as a rotation does, unless another has taken it since
    /// `stale`. The lease `gone` counts for nothing, if it is still there and was not renewed.
    async fn take(
        &self,
        id: &AccessKeyId,
        lease: &str,
        now: DateTime<Utc>,
        stale: DateTime<Utc>,
        gone: Option<&HeldLease>,
    ) -> Result<Taken, RegistryError>;

    /// Says that whoever took the key by this lease is still at work. Says no when the lease is over.
    async fn renew(&self, id: &AccessKeyId, lease: &str) -> Result<bool, RegistryError>;

    /// The leases by which keys are held now.
    async fn leases(&self) -> Result<Vec<HeldLease>, RegistryError>;

    /// Takes the key for one rotation, unless another has taken it since `stale`.
    async fn begin_rotation(
        &self,
        id: &AccessKeyId,
        lease: &str,
        now: DateTime<Utc>,
        stale: DateTime<Utc>,
    ) -> Result<bool, RegistryError>;

    /// Writes down the new pair as one that is not proven, together with the audit row. Says no when
    /// the lease is over, or the key is; fails as [`AccessKeyRegistry::check_formula`] does.
    async fn record_pair(
        &self,
        id: &AccessKeyId,
        lease: &str,
        pair: &str,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError>;

    /// The new pair is proven: it is the current one from now on, and the one before it ends at
    /// `ends`. Says no when the lease is over, or the key is. May be repeated.
    async fn promote_pair(
        &self,
        id: &AccessKeyId,
        lease: &str,
        pair: &str,
        ends: DateTime<Utc>,
    ) -> Result<bool, RegistryError>;

    /// The engine does not take the new pair: it ends `now`, and the state is `failed`. Changes nothing
    /// when the lease is over, or when the pair is proven or not on record.
    async fn give_up_pair(
        &self,
        id: &AccessKeyId,
        lease: &str,
        pair: &str,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError>;

    /// The rotation has ended so, and the key is given back. One that is not clean may have left a
    /// pair at the engine that is not on record: the key is unfinished until a clean end.
    async fn end_rotation(
        &self,
        id: &AccessKeyId,
        lease: &str,
        state: Option<AccessKeyState>,
        is_clean: bool,
    ) -> Result<(), RegistryError>;

    /// The pairs that the key should have.
    async fn recorded_pairs(&self, id: &AccessKeyId) -> Result<Vec<RecordedPair>, RegistryError>;

    /// The pair has ended.
    async fn forget_pair(&self, id: &AccessKeyId, pair: &str) -> Result<(), RegistryError>;

    /// The keys that somebody has to look after: those taken before `stale`, those that nobody has
    /// taken and that a rotation left unclean or with pairs that have ended by `now`, those that are
    /// disabled and not known to be clean, or deleted.
    async fn unfinished(
        &self,
        now: DateTime<Utc>,
        stale: DateTime<Utc>,
    ) -> Result<Vec<Unfinished>, RegistryError>;
}

/// A pair, as the registry holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedPair {
    /// Its access key id.
    pub id: String,
    /// How it stands.
    pub standing: PairStanding,
}

/// How a pair stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairStanding {
    /// Handed out, and not yet accepted by the engine: the one before it is still the current one.
    /// If its rotation was cut off, both live until the next one.
    Unproven,
    /// The one that works from now on.
    Current,
    /// Followed by another; it ends then.
    Ends(DateTime<Utc>),
}

/// A lease, as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLease {
    /// Of which key.
    pub key: AccessKeyId,
    /// By which name.
    pub name: String,
    /// How often it was renewed, and once more for its taking. 0 where an earlier version took the
    /// key, which does not renew.
    pub renewals: i64,
}

/// A key that somebody has to look after.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// Which.
    pub id: AccessKeyId,
    /// Whether it is to be removed.
    pub is_deleted: bool,
    /// Whether all its pairs are to end.
    pub is_disabled: bool,
}

/// Whether somebody has a key to look after.
#[derive(Clone, Debug)]
pub enum Taken {
    /// Nobody else is at it.
    Yes(Unfinished),
    /// Somebody else is at it, perhaps a rotation that has not heard of the key's end and may still
    /// make a pair. What is there can be ended; that nothing is left must be seen later.
    Besides(Unfinished),
    /// Somebody else is at it, or there is no such key.
    No,
}

/// Somebody's claim on a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketTenant {
    /// It is or was this principal's own.
    Principal(Principal),
    /// A part of it is this organisation's.
    Organisation(Slug),
    /// A part of it is a workspace's: its members', not its organisation's.
    Workspace,
    /// It is shared and nobody has a part of it yet.
    Unassigned,
}
