use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{AuditEvent, Block, BlockTarget};

use super::RegistryError;

/// Blocks, as operators see and change them. Each change is written together with its row of the
/// audit trail, or not at all, and holds on every replica as soon as it is committed.
#[async_trait]
pub trait Blocks: Send + Sync {
    /// All blocks, also those whose time is over, by kind and name.
    async fn blocks(&self) -> Result<Vec<KnownBlock>, RegistryError>;

    /// Blocks, or changes the reason and the end of a block.
    async fn block(&self, block: &Block, event: &AuditEvent) -> Result<(), RegistryError>;

    /// Ends a block, and those of a person who was erased under this name. Returns false if there is none.
    async fn unblock(
        &self,
        target: &BlockTarget,
        erased: Option<&str>,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError>;
}

/// A block, as the registry has it.
#[derive(Clone, Debug)]
pub struct KnownBlock {
    /// `owner`, `caller` or `client`.
    pub kind: String,
    /// Whom it is for, as the audit trail names them.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When it ends, if it does.
    pub until: Option<DateTime<Utc>>,
}
