//! The use cases and their ports. This layer knows the domain only; adapters come in as `Arc<dyn Trait>`.
//!
//! [`Authenticate`] finds out who is asking, [`Entitle`] what is theirs, and [`IssueSession`] hands out a
//! key to it. [`RotateAccessKey`] does so for access keys, [`Administer`] is for operators, and
//! [`doctor`] checks a deployment.

mod administer;
mod authenticate;
mod blocks;
mod caller_limit;
mod deadline;
mod directory;
pub mod doctor;
mod ensure_bucket;
mod entitle;
mod erase;
mod identify_session;
mod issue;
mod list_sessions;
mod occupancy;
mod page_query;
mod ports;
mod refusal;
mod reservations;
mod restrictions;
mod revoke;
mod rotation;
mod step;
mod waiting;

#[cfg(test)]
pub(crate) mod fakes;

pub use administer::{
    Administer, AdministerError, AdministerPorts, AdministerSettings, Export, GoesAlong, Holdings,
    KnownBucket, NewAccessKey, NewApiKey, NewArea, ShowBuckets, StillHas, find_access_key,
    find_api_key, find_organisation, find_owner, find_owners_with, find_workspace,
};
pub use authenticate::{
    Authenticate, AuthenticateApiKey, AuthenticateToken, Credential, GenuineApiKeys, NamedIssuer,
    OauthTokens, TokenValidation,
};
pub use blocks::{Blocks, KnownBlock};
pub use caller_limit::CallerLimit;
pub use deadline::{Deadline, DeadlineError};
pub use directory::{
    Added, Administration, Directory, MemberChange, MemberWorkspace, Objects, OrganisationRemoval,
};
pub use ensure_bucket::{
    BUCKET_PLACES, EnsureBucket, EnsureBucketError, EnsureBucketPorts, EnsureBucketSettings,
};
pub use entitle::{
    Entitle, InvalidListPosition, ListPosition, ListStorage, ListStoragePorts, ListedStorage,
    StorageList, Wanted,
};
pub use erase::{
    BucketFate, Contents, EraseError, EraseOptions, EraseOwner, EraseOwnerPorts,
    EraseOwnerSettings, Erased, ErasedPlace, Erasure, ErasureOutcome, ErasurePlan, ErasureReport,
    Erasures, Freezer, Governance, Kept, KeptBecause, Mark, Page, Person, Place, PlannedPlace,
    Progress, Removal, SessionsEnd, StoredVersion, Tally, Traces, Upload,
};
pub use identify_session::{IdentifySession, IdentifySessionPorts};
pub use issue::{IssueRequest, IssueSession, IssueSessionPorts, IssueSessionSettings};
pub use list_sessions::{
    IssuedSession, ListSessions, ListSessionsPorts, ListedSession, SessionHistory, SessionList,
};
pub use occupancy::Occupancy;
pub use page_query::PageQuery;
pub use ports::{
    AuditTrail, BucketRegistry, Buckets, Clock, Creation, Introspection, IssuedSessions, LocalJwt,
    Presence, Randomness, RateLimitError, RateLimiter, ReadToken, Recorded, RegistryError,
    ReservationState, ReserveOutcome, RestrictionRegistry, SessionRequest, Sessions,
};
pub use refusal::{
    AccessKeyRefusal, Limit, NotEntitled, Refusal, UpstreamError, UpstreamErrorKind,
};
pub use reservations::{Assigned, Released, Reservation, Reservations};
pub use restrictions::CurrentRestrictions;
pub use revoke::{
    EndSessions, Ended, LastExpiry, LiveSession, RefusedSessions, Revocation, RevocationRegistry,
    RevocationReport, RevokeError, RevokeSessions, RevokedParty, RevokedStorage, Revoker,
    SessionsOf, Statement, Strength, Told, Tried, UnderWay, WhichSessions,
};
pub use rotation::{
    AccessKeyBroker, AccessKeyKeeper, AccessKeyKeeperPorts, AccessKeyRegistry, AccessKeyRotations,
    BucketTenant, CAPABILITY_TYPE, Capabilities, HeldLease, KnownBuckets, PairStanding, PairsError,
    RecordedPair, RotateAccessKey, RotateAccessKeyPorts, RotateAccessKeySettings, Rotated,
    Rotation, RotationCaller, RotationCredential, RotationOutcome, Rotations, STATEMENT_LIMIT,
    Taken, UnadmittedCaller, Unfinished, bucket_of_others,
};
pub use step::STEPS;
