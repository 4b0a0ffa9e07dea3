//! The use cases and their ports. Knows the domain only; what is outside comes in as
//! `Arc<dyn Trait>`.
//!
//! [`Authenticate`] says who is asking, [`Entitle`] what is theirs, [`Issue`] hands out the key.
//! They are apart because a health check of the deployment needs the last without the first.
//! [`Administer`] is what operators do.

mod access_keys;
mod administer;
mod authenticate;
mod caller_limit;
mod deadline;
mod directory;
pub mod doctor;
mod ensure_bucket;
mod entitle;
mod issue;
mod ports;
mod refusal;
mod reservations;

#[cfg(test)]
pub(crate) mod fakes;

pub use access_keys::{
    AccessKeys, BucketClaim, CAPABILITY_TYPE, Capabilities, HeldLease, Identified, KeeperError,
    KeyAdmission, KeyKeeper, KeyKeeperPorts, KeyRegistry, KnownBuckets, PairStanding, RecordedPair,
    Requester, RotateKey, RotateKeyPorts, RotateKeySettings, Rotated, Rotation, RotationCredential,
    Rotations, STATEMENT_LIMIT, Taken, Unfinished, bucket_of_others,
};
pub use administer::{
    AccessKeyWish, Administer, AdministerError, AdministerPorts, AdministerSettings, AreaWish,
    KeyWish, KnownBucket, ShowBuckets, find_access_key, find_organisation, find_workspace,
};
pub use authenticate::{
    Authenticate, AuthenticateApiKey, AuthenticateToken, Credential, GenuineKeys, TokenValidation,
};
pub use caller_limit::CallerLimit;
pub use deadline::{Deadline, DeadlinePassed};
pub use directory::{Added, Administration, Directory, MemberChange, Objects};
pub use ensure_bucket::{BUCKET_PLACES, EnsureBucket, EnsureBucketSettings, EnsureError};
pub use entitle::{Entitle, Wanted};
pub use issue::{Issue, IssuePorts, IssueSettings, Order};
pub use ports::{
    AllowanceSpent, AuditTrail, Buckets, Claim, ClaimState, Clock, Creation, Introspection,
    LocalJwt, Presence, Randomness, RateLimiter, ReadToken, Registry, RegistryError,
    SessionRequest, Sessions,
};
pub use refusal::{FailureKind, KeyRefusal, Limit, NotEntitled, Refusal, UpstreamFailure};
pub use reservations::{Assigned, Released, Reservation, Reservations};
