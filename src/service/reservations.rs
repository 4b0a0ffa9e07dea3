use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{AuditEvent, BucketName, BucketOwner, Owner, OwnerPseudonym};

use super::{RegistryError, ReservationState};

/// Reservations, as operators see and repair them. Each change is written together with its row of
/// the audit trail, or not at all.
#[async_trait]
pub trait Reservations: Send + Sync {
    /// The buckets that people have or had, by owner: `client id/subject`, a subject through any
    /// client, or a pseudonym.
    async fn buckets_of(
        &self,
        owner: &str,
        pseudonym: Option<&OwnerPseudonym>,
    ) -> Result<Vec<BucketName>, RegistryError>;

    /// The owners of buckets with this pseudonym, which begin with `start` by today's formula. If there
    /// are none, it is looked for anywhere in the names: the bucket may be from before a change of the
    /// formula.
    async fn owners_of_buckets(
        &self,
        pseudonym: &OwnerPseudonym,
        start: &str,
    ) -> Result<Vec<BucketOwner>, RegistryError>;

    /// The reservations of this bucket.
    async fn reservations_of(&self, bucket: &BucketName)
    -> Result<Vec<Reservation>, RegistryError>;

    /// Takes a bucket away from a person. No other owner ever gets it.
    async fn release(
        &self,
        bucket: &BucketName,
        event: &AuditEvent,
    ) -> Result<Released, RegistryError>;

    /// Reserves an existing bucket for its owner, unless it is or was another owner's or another
    /// owner's access key still reaches it.
    async fn assign(
        &self,
        owner: &Owner,
        bucket: &BucketName,
        event: &AuditEvent,
    ) -> Result<Assigned, RegistryError>;
}

/// An owner has a bucket, or had it.
#[derive(Clone, Debug)]
pub struct Reservation {
    /// The bucket.
    pub bucket: BucketName,
    /// The owner.
    pub bucket_owner: BucketOwner,
    /// How far its creation got. None when the bucket was set aside: the owner has or gets another
    /// one.
    pub state: Option<ReservationState>,
    /// When it was reserved, if known.
    pub since: Option<DateTime<Utc>>,
}

/// The outcome of releasing a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// It was set aside.
    Yes,
    /// Organisations and workspaces share it.
    Shared,
    /// No owner has it.
    NotReserved,
}

/// The outcome of assigning a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// It is reserved for the owner now.
    Yes,
    /// The owner already has it, and it is ready.
    Already,
    /// It is or was this owner's.
    Anothers(BucketOwner),
    /// The owner has this one instead.
    HasAnother(BucketName),
    /// An access key of another owner still reaches it.
    Reached,
}
