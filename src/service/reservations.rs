use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{AuditEvent, BucketName, BucketOwner, Owner, OwnerPseudonym};

use super::{RegistryError, ReservationState};

/// Reservations, as operators see and repair them. Each change and its row in the audit trail are
/// written together or not at all.
#[async_trait]
pub trait Reservations: Send + Sync {
    /// The buckets that are or were people's own, by whose they are: `client id/subject`, a subject
    /// through any client, or a pseudonym.
    async fn buckets_of(
        &self,
        owner: &str,
        pseudonym: Option<&OwnerPseudonym>,
    ) -> Result<Vec<BucketName>, RegistryError>;

    /// Those of this bucket.
    async fn reservations_of(&self, bucket: &BucketName)
    -> Result<Vec<Reservation>, RegistryError>;

    /// Takes a person's bucket off the person. It stays the person's: nobody else is given it.
    async fn release(
        &self,
        bucket: &BucketName,
        event: &AuditEvent,
    ) -> Result<Released, RegistryError>;

    /// Gives the owner the bucket as it stands, unless it is or was another owner's or another
    /// owner's access key still reaches it.
    async fn assign(
        &self,
        owner: &Owner,
        bucket: &BucketName,
        event: &AuditEvent,
    ) -> Result<Assigned, RegistryError>;
}

/// Who has a bucket.
#[derive(Clone, Debug)]
pub struct Reservation {
    /// The bucket.
    pub bucket: BucketName,
    /// Whose it is.
    pub bucket_owner: BucketOwner,
    /// How far its making has come; none when it was set aside: it is still the owner's, who has or
    /// gets another one.
    pub state: Option<ReservationState>,
    /// Since when it is reserved, where that is known.
    pub since: Option<DateTime<Utc>>,
}

/// How releasing a bucket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// It was set aside.
    Yes,
    /// Organisations and workspaces share it.
    Shared,
    /// Nobody has it.
    NotReserved,
}

/// How assigning a bucket ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// It is the owner's now.
    Yes,
    /// The owner has it, and it works.
    Already,
    /// It is or was another's.
    Anothers(BucketOwner),
    /// The owner has this one.
    HasAnother(BucketName),
    /// An access key of another owner still reaches it.
    Reached,
}
