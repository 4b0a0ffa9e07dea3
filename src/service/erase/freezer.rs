use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::Owner;

use super::EraseError;

/// Keeps an owner out of the store, so that nothing is written while it is erased. Both can be repeated.
#[async_trait]
pub trait Freezer: Send + Sync {
    /// Issues nothing for this owner any more, on every replica, until an operator unblocks it; to a
    /// person, for no storage at all.
    async fn freeze(&self, owner: &Owner) -> Result<(), EraseError>;

    /// Whether an earlier call froze this owner and nobody has lifted that freeze. A block that an operator
    /// set does not count: the owner may have been let in before it.
    async fn was_frozen(&self, owner: &Owner) -> Result<bool, EraseError>;

    /// Whether nothing is issued for this owner; a person who was erased is known by the pseudonym.
    async fn is_frozen(&self, owner: &Owner) -> Result<bool, EraseError>;

    /// Ends the owner's sessions that are out.
    async fn end_sessions(&self, owner: &Owner) -> Result<SessionsEnd, EraseError>;
}

/// When sessions stop working.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionsEnd {
    /// How, in words: `immediate`, `within 2 minutes`, `at expiry`.
    pub how: String,
    /// From then on none of them works.
    pub at: DateTime<Utc>,
}
