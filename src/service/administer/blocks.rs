use std::time::Duration;

use crate::domain::{Block, BlockTarget, CallerId, Owner, name_of_erased};
use crate::service::{RevocationReport, SessionsOf};

use super::{Administer, AdministerError};

impl Administer {
    /// Blocks someone, or changes the reason and the end of their block. From then on no gateway issues
    /// anything to them; what they have works on.
    ///
    /// # Errors
    ///
    /// [`AdministerError::InThePast`] if the block would be over at once.
    pub async fn block(&self, block: &Block) -> Result<(), AdministerError> {
        if block
            .until
            .is_some_and(|until| until <= self.ports.clock.now())
        {
            return Err(AdministerError::InThePast);
        }
        let event = self.event("block", &block.target);
        let event = event.with_detail(format!("{}: {}", block.target.kind(), block.reason));
        Ok(self.administration().block(block, &event).await?)
    }

    /// Ends a block, and a person's who was erased. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// [`AdministerError::Registry`].
    pub async fn unblock(&self, target: &BlockTarget) -> Result<bool, AdministerError> {
        let event = self.event("unblock", target).with_detail(target.kind());
        let principal = match target {
            BlockTarget::Owner(Owner::Principal(principal))
            | BlockTarget::Caller(CallerId::Principal(principal)) => Some(principal),
            _ => None,
        };
        let erased = principal.map(|one| name_of_erased(one, &self.settings.formula));
        let unblocking = self
            .administration()
            .unblock(target, erased.as_deref(), &event);
        Ok(unblocking.await?)
    }

    /// Ends sessions that are out. Each store may take so long to refuse.
    ///
    /// # Errors
    ///
    /// [`AdministerError::Revoke`]; then the sessions may go on working.
    pub async fn revoke(
        &self,
        of: &SessionsOf,
        patience: Duration,
    ) -> Result<RevocationReport, AdministerError> {
        let revoke_sessions = &self.ports.revoke_sessions;
        Ok(revoke_sessions.revoke(of, self.cause(), patience).await?)
    }
}
