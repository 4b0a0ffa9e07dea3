use crate::domain::{AccessKeyId, AccessKeyPolicyError, Area, BucketName, Owner, WorkspaceName};
use crate::service::{RegistryError, RevokeError, UpstreamError};

use super::holdings::StillHas;

/// Why nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AdministerError {
    /// The name is taken.
    #[error("{0} exists already")]
    Exists(Owner),
    /// Nothing has this name.
    #[error("there is no {0}")]
    NoSuch(String),
    /// A workspace and a person have this name.
    #[error("{0} names a workspace and a person: write workspace:{0} or person:{0}")]
    Ambiguous(String),
    /// No key may be in two areas.
    #[error("{area} overlaps with the area of {owner}: choose another --prefix or --bucket")]
    AreaTaken {
        /// The requested area.
        area: Area,
        /// Whose area overlaps with it.
        owner: Owner,
    },
    /// The bucket belongs, or could belong, to one person alone.
    #[error("the bucket {0} is, was or could be a principal's own: no other owner may have it")]
    PrincipalsBucket(BucketName),
    /// An access key would open a bucket that is not its owner's.
    #[error(
        "the bucket {0} belongs, or could belong, to another owner: an access key opens only its \
         owner's buckets"
    )]
    BucketOfOthers(String),
    /// Access keys of other owners reach the bucket.
    #[error(
        "the bucket {0} is reached by another owner's access key (or by a deleted one whose pairs \
         may still live), or is under access_keys.bucket_prefix: choose another"
    )]
    Reached(BucketName),
    /// The access key gets no new credentials.
    #[error("the access key {0} is disabled")]
    Disabled(AccessKeyId),
    /// No policy can express the access key's rights.
    #[error(transparent)]
    AccessKeyPolicy(#[from] AccessKeyPolicyError),
    /// Areas cannot move to another bucket.
    #[error("the bucket {0} is shared by organisations and workspaces, whose areas stay in it")]
    SharedBucket(BucketName),
    /// The owner's bucket follows from its name or area.
    #[error("{owner}'s bucket is {own}, as its name or area says: assign that one")]
    NotTheOwners {
        /// The owner.
        owner: Owner,
        /// The owner's bucket.
        own: BucketName,
    },
    /// There is nothing to repair.
    #[error("the owner already has the bucket {0}, and it is ready")]
    AlreadyAssigned(BucketName),
    /// A bucket never changes hands.
    #[error("the bucket {bucket} is or was that of {bucket_owner}: no other owner may have it")]
    AnothersBucket {
        /// The bucket.
        bucket: BucketName,
        /// Who has or had it.
        bucket_owner: String,
    },
    /// One owner has one bucket.
    #[error("the owner has the bucket {0}: release it first (cloakroom bucket release)")]
    HasAnother(BucketName),
    /// The bucket is not known to be this deployment's.
    #[error(
        "the bucket {0} exists and is not known to be this deployment's: it is another account's, \
         another deployment's (after a lost registry, set naming.adopt_from), or made by hand (then \
         pass --bucket)"
    )]
    BucketConflict(BucketName),
    /// A deleted workspace comes back where its objects are.
    #[error(
        "the objects of the deleted {owner} are at {area}: leave out --bucket and --prefix to restore \
         it there"
    )]
    KeptElsewhere {
        /// The workspace.
        owner: Owner,
        /// Where its objects are.
        area: Area,
    },
    /// Neither a name nor an area is given out again.
    #[error(
        "{owner} was removed for good: its name and its area {area} are never given out again: choose \
         another name"
    )]
    Removed {
        /// The owner.
        owner: Owner,
        /// Where its storage was.
        area: Area,
    },
    /// Only deleted workspaces are purged.
    #[error("workspace {0} is not deleted: delete it first (cloakroom workspace delete {0})")]
    NotDeleted(WorkspaceName),
    /// After the purge no owner could reach the objects.
    #[error(
        "{area} of {owner} still holds objects: delete them first (cloakroom erase --owner {})",
        owner.id()
    )]
    ObjectsToErase {
        /// The owner.
        owner: Owner,
        /// Where its objects are.
        area: Area,
    },
    /// An organisation that is to be deleted has something left.
    #[error("{0}")]
    StillHas(StillHas),
    /// Deleting would hide objects.
    #[error("{0} still holds objects: delete them (cloakroom erase), or pass --keep-objects")]
    ObjectsRemain(Area),
    /// A session policy has no room for the prefix.
    #[error("the prefix is too long for a session policy")]
    PrefixTooLong,
    /// A block's end has passed.
    #[error("--until: the time has passed")]
    InThePast,
    /// An API key's lifetime is too long.
    #[error("--expires-in: at most 100 years; omit it for a key that never expires")]
    LivesTooLong,
    /// The organisation exists, but without its folders.
    #[error("created {0}, but not its folders: {1}")]
    NoFolders(Owner, #[source] Box<AdministerError>),
    /// Sessions were not revoked.
    #[error(transparent)]
    Revoke(#[from] RevokeError),
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store failed.
    #[error("store: {0}")]
    Store(#[from] UpstreamError),
    /// The gateway's own fault.
    #[error("{0}")]
    Internal(String),
}
