use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::domain::{Block, BlockReason, BlockTarget, CallerId, Owner, name_of_erased};
use crate::service::{
    EraseError, Freezer, KnownBlock, RegistryError, RevocationReport, SessionsEnd, SessionsOf,
    Strength,
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
        for target in targets(owner) {
            // In place of an operator's own block, if there is one.
            let block = Block {
                target,
                reason: reason.clone(),
                until: None,
            };
            self.block(&block).await?;
        }
        Ok(())
    }

    async fn was_frozen(&self, owner: &Owner) -> Result<bool, EraseError> {
        let blocked = self.administration().blocks().await?;
        Ok(targets(owner).iter().all(|target| {
            let name = target.name();
            let mut blocks = blocks_of(&blocked, target.kind(), &name);
            blocks.any(|block| block.reason == REASON)
        }))
    }

    async fn is_frozen(&self, owner: &Owner) -> Result<bool, EraseError> {
        let blocked = self.administration().blocks().await?;
        let erased = match owner {
            Owner::Principal(principal) => Some(name_of_erased(principal, &self.settings.formula)),
            _ => None,
        };
        let is_frozen = |target: &BlockTarget| {
            let names = [Some(target.name()), erased.clone()];
            let mut names = names.into_iter().flatten();
            names.any(|name| blocks_of(&blocked, target.kind(), &name).next().is_some())
        };
        Ok(targets(owner).iter().all(is_frozen))
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

/// The blocks for good.
fn blocks_of<'a>(
    blocks: &'a [KnownBlock],
    kind: &'a str,
    name: &'a str,
) -> impl Iterator<Item = &'a KnownBlock> {
    blocks
        .iter()
        .filter(move |block| block.until.is_none() && block.kind == kind && block.name == name)
}

/// An owner, and a person also as a caller: for the storage of workspaces.
fn targets(owner: &Owner) -> Vec<BlockTarget> {
    let mut targets = vec![BlockTarget::Owner(owner.clone())];
    if let Owner::Principal(principal) = owner {
        targets.push(BlockTarget::Caller(CallerId::Principal(principal.clone())));
    }
    targets
}
