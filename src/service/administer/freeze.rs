use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::domain::{Block, BlockReason, BlockTarget, CallerId, Owner};
use crate::service::{
    EraseError, Freezer, RegistryError, RevocationReport, SessionsEnd, SessionsOf, Strength,
};

use super::Administer;

/// Why an owner is blocked while it is erased.
const REASON: &str = "is being erased";

/// How long the store may take to refuse sessions.
const PATIENCE: Duration = Duration::from_secs(10);

#[async_trait]
impl Freezer for Administer {
    async fn freeze(&self, owner: &Owner) -> Result<(), EraseError> {
        let reason: Result<BlockReason, _> = REASON.parse();
        let reason = reason.map_err(|_| RegistryError::new("block: no such reason"))?;
        let blocked = self.administration().blocks().await?;
        for target in targets(owner) {
            let mut blocks = blocked.iter();
            let is_blocked = blocks.any(|block| {
                block.until.is_none() && block.kind == target.kind() && block.name == target.name()
            });
            if is_blocked {
                continue;
            }
            let reason = reason.clone();
            let block = Block {
                target,
                reason,
                until: None,
            };
            self.block(&block).await?;
        }
        Ok(())
    }

    async fn end_sessions(&self, owner: &Owner) -> Result<SessionsEnd, EraseError> {
        let mut ends = vec![
            self.revoke(&SessionsOf::Owner(owner.clone()), PATIENCE)
                .await?,
        ];
        // A person's sessions in workspaces.
        if let Owner::Principal(principal) = owner {
            let caller = CallerId::Principal(principal.clone());
            ends.push(self.revoke(&SessionsOf::Caller(caller), PATIENCE).await?);
        }
        let ends = ends.iter().map(|report| self.end_of(report));
        let last = ends.max_by_key(|end| end.at);
        last.ok_or_else(|| EraseError::Freezer("no session was looked at".to_owned()))
    }
}

impl Administer {
    /// When the last of the sessions stops working.
    fn end_of(&self, report: &RevocationReport) -> SessionsEnd {
        let now = self.ports.clock.now();
        let ends = report
            .storage
            .iter()
            .map(|storage| match storage.ended.strength {
                Strength::Immediate => storage.ended_at,
                Strength::Within(time) => {
                    storage.ended_at + TimeDelta::from_std(time).unwrap_or_default()
                }
                Strength::AtExpiry { at, .. } => at,
            });
        SessionsEnd {
            how: report.strength().to_string(),
            at: ends.max().unwrap_or(now),
        }
    }
}

/// An owner, and a person also as a caller: for the storage of workspaces.
fn targets(owner: &Owner) -> Vec<BlockTarget> {
    let mut targets = vec![BlockTarget::Owner(owner.clone())];
    if let Owner::Principal(principal) = owner {
        targets.push(BlockTarget::Caller(CallerId::Principal(principal.clone())));
    }
    targets
}
