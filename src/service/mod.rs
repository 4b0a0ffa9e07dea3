//! The use cases and their ports. Knows the domain only; what is outside comes in as
//! `Arc<dyn Trait>`.
//!
//! [`Authenticate`] says who is asking, [`Entitle`] what is theirs, [`IssueSession`] hands out the key.
//! They are apart because a health check of the deployment needs the last without the first.
//! [`Administer`] is what operators do.

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
mod rotation;

#[cfg(test)]
pub(crate) mod fakes;

pub use administer::{
    Administer, AdministerError, AdministerPorts, AdministerSettings, KnownBucket, NewAccessKey,
    NewApiKey, NewArea, ShowBuckets, find_access_key, find_organisation, find_workspace,
};
pub use authenticate::{
    Authenticate, AuthenticateApiKey, AuthenticateToken, Credential, GenuineApiKeys,
    TokenValidation,
};
pub use caller_limit::CallerLimit;
pub use deadline::{Deadline, DeadlineError};
pub use directory::{Added, Administration, Directory, MemberChange, Objects};
pub use ensure_bucket::{BUCKET_PLACES, EnsureBucket, EnsureBucketError, EnsureBucketSettings};
pub use entitle::{Entitle, Wanted};
pub use issue::{IssueRequest, IssueSession, IssueSessionPorts, IssueSessionSettings};
pub use ports::{
    AuditTrail, BucketRegistry, Buckets, Clock, Creation, Introspection, LocalJwt, Presence,
    Randomness, RateLimitError, RateLimiter, ReadToken, RegistryError, ReservationState,
    ReserveOutcome, SessionRequest, Sessions,
};
pub use refusal::{
    AccessKeyRefusal, Limit, NotEntitled, Refusal, UpstreamError, UpstreamErrorKind,
};
pub use reservations::{Assigned, Released, Reservation, Reservations};
pub use rotation::{
    AccessKeyBroker, AccessKeyKeeper, AccessKeyKeeperError, AccessKeyKeeperPorts,
    AccessKeyRegistry, BucketTenant, CAPABILITY_TYPE, Capabilities, HeldLease, KnownBuckets,
    PairStanding, RecordedPair, RotateAccessKey, RotateAccessKeyPorts, RotateAccessKeySettings,
    Rotated, Rotation, RotationAdmission, RotationCaller, RotationCredential, Rotations,
    STATEMENT_LIMIT, Taken, UnadmittedCaller, Unfinished, bucket_of_others,
};
