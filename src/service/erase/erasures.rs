use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    AccessKeyId, AuditEvent, BucketName, OwnerPseudonym, Principal, WorkspaceName,
};
use crate::service::{RegistryError, Reservation};

use super::Tally;

/// What the registry knows of owners, and of those that are or were erased.
#[async_trait]
pub trait Erasures: Send + Sync {
    /// The buckets that the person has or had, and those that are kept for the pseudonym.
    async fn reservations_of_person(
        &self,
        person: Person<'_>,
    ) -> Result<Vec<Reservation>, RegistryError>;

    /// Where else the registry names the person, who need not be whole yet.
    async fn traces(&self, person: Person<'_>) -> Result<Traces, RegistryError>;

    /// The access keys that still exist and are the person's, or may reach one of the buckets.
    async fn access_keys(
        &self,
        person: Option<Person<'_>>,
        buckets: &[BucketName],
    ) -> Result<Vec<AccessKeyId>, RegistryError>;

    /// The erasure of the owner with this pseudonym, the latest one.
    async fn erasure(&self, owner: &OwnerPseudonym) -> Result<Option<Erasure>, RegistryError>;

    /// Begins an erasure, unless one is under way. Writes the audit row if it begins.
    async fn begin(
        &self,
        owner: &OwnerPseudonym,
        event: &AuditEvent,
    ) -> Result<Erasure, RegistryError>;

    /// Records when no session can reach the objects any more, if that is known.
    async fn note_sessions_end(
        &self,
        owner: &OwnerPseudonym,
        at: Option<DateTime<Utc>>,
    ) -> Result<(), RegistryError>;

    /// Adds to what was deleted.
    async fn note_deleted(&self, owner: &OwnerPseudonym, more: &Tally)
    -> Result<(), RegistryError>;

    /// Replaces the person by the pseudonym in the audit trail, in small batches. Returns how many rows
    /// it changed.
    async fn forget(&self, person: Person<'_>) -> Result<u64, RegistryError>;

    /// Ends the erasure: a person's memberships end, and the person's buckets are kept for the pseudonym.
    /// Writes the audit row, in which a person is the pseudonym.
    async fn finish(&self, erased: Erased<'_>, event: &AuditEvent) -> Result<(), RegistryError>;
}

/// An erasure on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// When it began.
    pub begun_at: DateTime<Utc>,
    /// When no session can reach the objects any more, if the sessions were ended.
    pub sessions_end: Option<DateTime<Utc>>,
    /// When it was finished, if it was.
    pub finished_at: Option<DateTime<Utc>>,
    /// What it has deleted so far.
    pub deleted: Tally,
}

/// Where the registry names a person, apart from reservations and access keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// The workspaces that the person is a member of through this client.
    pub workspaces: Vec<WorkspaceName>,
    /// The workspaces that the subject is a member of through any client.
    pub workspaces_by_any_client: Vec<WorkspaceName>,
    /// How many rows of the audit trail name the person through this client.
    pub audit_rows: u64,
    /// The buckets and memberships of the same subject through other clients.
    pub elsewhere: u64,
}

/// A person and the name that replaces theirs.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// The person.
    pub principal: &'a Principal,
    /// The pseudonym.
    pub pseudonym: &'a OwnerPseudonym,
    /// Whether the subject is known through this client only, so that rows that name the subject without a
    /// client are about this person.
    pub is_whole: bool,
}

/// An owner whose objects are gone.
#[derive(Clone, Copy, Debug)]
pub enum Erased<'a> {
    /// A person.
    Person(Person<'a>),
    /// An organisation or workspace, which keeps its name and its area.
    Area(&'a OwnerPseudonym),
}

impl Erased<'_> {
    /// The pseudonym.
    #[must_use]
    pub fn pseudonym(&self) -> &OwnerPseudonym {
        match self {
            Self::Person(person) => person.pseudonym,
            Self::Area(pseudonym) => pseudonym,
        }
    }
}

impl Traces {
    /// Whether the subject is known through this client only.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.elsewhere == 0
    }

    /// Whether there are none.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.workspaces.is_empty() && self.audit_rows == 0 && !self.loses_any_client()
    }

    /// The workspaces that the person loses.
    pub fn lost(&self) -> impl Iterator<Item = &WorkspaceName> {
        let by_any = self.workspaces_by_any_client.iter();
        let by_any = by_any.filter(|_| self.is_whole());
        self.workspaces.iter().chain(by_any)
    }

    fn loses_any_client(&self) -> bool {
        self.is_whole() && !self.workspaces_by_any_client.is_empty()
    }
}
