//! The use cases and their ports. Knows the domain only; what is outside comes in as
//! `Arc<dyn Trait>`.
//!
//! [`Authenticate`] says who is asking, [`Issue`] hands out the key. They are apart because a
//! health check of the deployment needs the second without the first.

mod authenticate;
mod deadline;
pub mod doctor;
mod ensure_bucket;
mod issue;
mod ports;
mod refusal;

#[cfg(test)]
pub(crate) mod fakes;

pub use authenticate::{Authenticate, TokenValidation};
pub use deadline::{Deadline, DeadlinePassed};
pub use ensure_bucket::{EnsureBucket, EnsureBucketSettings, EnsureError};
pub use issue::{Issue, IssuePorts, IssueSettings, Order};
pub use ports::{
    AuditTrail, Buckets, Claim, ClaimState, Clock, Creation, Introspection, LocalJwt, Presence,
    Randomness, RateLimiter, ReadToken, Registry, RegistryError, SessionRequest, Sessions,
};
pub use refusal::{FailureKind, Refusal, UpstreamFailure};
