//! Erases an owner's data (GDPR article 17), and hands it out to read (article 20).

mod contents;
mod erasures;
mod error;
mod freezer;
mod plan;
mod report;
mod run;
mod sweep;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::domain::{AuditCause, AuditEvent, BucketFormula, Operator, Owner, RequestId};

pub use contents::{
    Contents, Governance, Kept, KeptBecause, Mark, Page, Place, Removal, StoredVersion, Tally,
    Upload,
};
pub use erasures::{Erased, Erasure, Erasures, Person, Traces};
pub use error::EraseError;
pub use freezer::{Freezer, SessionsEnd};
pub use plan::{ErasurePlan, PlannedPlace};
pub use report::{BucketFate, ErasedPlace, ErasureOutcome, ErasureReport};
pub use run::EraseOptions;
pub use sweep::Progress;

use super::{Buckets, Clock, Directory, Randomness};

/// The use case "erase an owner", for one operator.
///
/// Every step can be repeated, so an erasure that was cut off goes on when it is started again: what is left
/// to delete is what the store still has, and the registry forgets the person only after that.
pub struct EraseOwner {
    ports: EraseOwnerPorts,
    settings: EraseOwnerSettings,
    operator: Operator,
}

/// The ports of [`EraseOwner`].
pub struct EraseOwnerPorts {
    /// Organisations and workspaces.
    pub directory: Arc<dyn Directory>,
    /// Erasures, and where the registry names a person.
    pub erasures: Arc<dyn Erasures>,
    /// The store's buckets.
    pub buckets: Arc<dyn Buckets>,
    /// What is in them.
    pub contents: Arc<dyn Contents>,
    /// Keeps the owner out.
    pub freezer: Arc<dyn Freezer>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids.
    pub randomness: Arc<dyn Randomness>,
}

/// The settings of [`EraseOwner`].
#[derive(Clone, Debug)]
pub struct EraseOwnerSettings {
    /// How a bucket's name follows from its owner.
    pub formula: BucketFormula,
    /// The id of this deployment, which tags its buckets.
    pub deployment: String,
}

impl EraseOwner {
    /// Erases as this operator.
    #[must_use]
    pub fn new(ports: EraseOwnerPorts, settings: EraseOwnerSettings, operator: Operator) -> Self {
        Self {
            ports,
            settings,
            operator,
        }
    }

    fn event(&self, action: &'static str, owner: &Owner) -> AuditEvent {
        let time = self.ports.clock.now();
        let cause = AuditCause {
            time,
            request_id: RequestId::at(time, self.ports.randomness.bits()),
            dialect: "cli",
            caller: self.operator.to_string(),
        };
        AuditEvent::change(cause, action, owner.clone())
    }
}
