use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::{Block, BlockTarget, CallerId, Owner, Principal, name_of_erased};
use crate::service::revoke::LONGEST_SESSION;
use crate::service::{KnownBlock, RevocationReport, SessionsOf};

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
        let erased = person(target).map(|one| name_of_erased(one, &self.settings.formula));
        let unblocking = self
            .administration()
            .unblock(target, erased.as_deref(), &event);
        Ok(unblocking.await?)
    }

    /// When the last session from before an erasure of this person has expired, if that is still to come. The
    /// store forgot with the bucket that they were revoked, so they would open the bucket again.
    ///
    /// # Errors
    ///
    /// [`AdministerError::Registry`].
    pub async fn sessions_from_before_erasure(
        &self,
        target: &BlockTarget,
    ) -> Result<Option<DateTime<Utc>>, AdministerError> {
        let Some(person) = person(target) else {
            return Ok(None);
        };
        let owner = Owner::Principal(person.clone());
        let pseudonym = self.settings.formula.digest(&owner).pseudonym();
        let Some(erasure) = self.ports.erasures.erasure(&pseudonym).await? else {
            return Ok(None);
        };
        // An operator may have let the person in while it was under way.
        let last = [erasure.sessions_end, erasure.finished_at];
        let last = last.into_iter().flatten().fold(erasure.begun_at, Ord::max);
        let expired = last + LONGEST_SESSION;
        Ok(Some(expired).filter(|expired| *expired > self.ports.clock.now()))
    }

    /// The other block of the person that this is about: as an owner or as a caller.
    ///
    /// # Errors
    ///
    /// [`AdministerError::Registry`].
    pub async fn other_block(
        &self,
        target: &BlockTarget,
    ) -> Result<Option<KnownBlock>, AdministerError> {
        if person(target).is_none() {
            return Ok(None);
        }
        let name = target.name();
        let blocks = self.administration().blocks().await?;
        let mut others = blocks.into_iter();
        Ok(others.find(|one| one.name == name && one.kind != target.kind()))
    }

    /// Whether this is about a person without a bucket, whose name may be a mistake.
    ///
    /// # Errors
    ///
    /// [`AdministerError::Registry`].
    pub async fn has_no_bucket(&self, target: &BlockTarget) -> Result<bool, AdministerError> {
        let Some(principal) = person(target) else {
            return Ok(false);
        };
        let owner = Owner::Principal(principal.clone());
        let bucket = self.settings.formula.bucket(&owner);
        let reservations = self.administration().reservations_of(&bucket).await?;
        Ok(reservations.is_empty())
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

/// The person that a block is about.
fn person(target: &BlockTarget) -> Option<&Principal> {
    match target {
        BlockTarget::Owner(Owner::Principal(principal))
        | BlockTarget::Caller(CallerId::Principal(principal)) => Some(principal),
        _ => None,
    }
}
