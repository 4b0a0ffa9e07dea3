use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use crate::domain::{BucketFormula, CallerId, Owner, Restrictions};

use super::{Clock, Deadline, Refusal, RegistryError, RestrictionRegistry};

/// How long the registry may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(3);

/// The restrictions that this process knows.
///
/// They are read when they are needed first, and again when they turn out to be outdated: the audit
/// trail takes an event only with the registry's version ([`AuditTrail`](super::AuditTrail)). So a
/// block holds on every replica from the moment that it is committed, and costs a call nothing.
pub struct CurrentRestrictions {
    registry: Arc<dyn RestrictionRegistry>,
    clock: Arc<dyn Clock>,
    formula: BucketFormula,
    known: RwLock<Option<Arc<Restrictions>>>,
    reading: Mutex<()>,
}

impl CurrentRestrictions {
    /// Knows none yet.
    #[must_use]
    pub fn new(
        registry: Arc<dyn RestrictionRegistry>,
        clock: Arc<dyn Clock>,
        formula: BucketFormula,
    ) -> Self {
        Self {
            registry,
            clock,
            formula,
            known: RwLock::default(),
            reading: Mutex::default(),
        }
    }

    /// The restrictions that a request of this caller, which came at `asked`, has passed.
    ///
    /// # Errors
    ///
    /// [`Refusal::Blocked`] or [`Refusal::BeingRevoked`]; [`Refusal::Internal`] when the registry
    /// cannot be read.
    pub async fn check(
        &self,
        caller: &CallerId,
        owner: Option<&Owner>,
        asked: DateTime<Utc>,
        deadline: Deadline,
    ) -> Result<Arc<Restrictions>, Refusal> {
        let check = |known: &Restrictions| known.check(caller, owner, asked, self.clock.now());
        let known = self.known();
        if let Some(known) = known.as_ref().filter(|known| check(known).is_ok()) {
            return Ok(Arc::clone(known));
        }
        // What refuses a call may have ended.
        let current = self.read_unless_newer(known.as_deref(), deadline).await?;
        check(&current)?;
        Ok(current)
    }

    /// The same, once these have turned out to be outdated.
    ///
    /// # Errors
    ///
    /// See [`Self::check`].
    pub async fn check_again(
        &self,
        outdated: &Restrictions,
        caller: &CallerId,
        owner: Option<&Owner>,
        asked: DateTime<Utc>,
        deadline: Deadline,
    ) -> Result<Arc<Restrictions>, Refusal> {
        let current = self.read_unless_newer(Some(outdated), deadline).await?;
        current.check(caller, owner, asked, self.clock.now())?;
        Ok(current)
    }

    /// The same, with what the registry has now, for calls that record no event with the version.
    ///
    /// # Errors
    ///
    /// See [`Self::check`].
    pub async fn check_fresh(
        &self,
        caller: &CallerId,
        owners: &[Owner],
        asked: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let current = self.fresh().await?;
        let now = self.clock.now();
        for owner in owners {
            current.check(caller, Some(owner), asked, now)?;
        }
        Ok(current.check(caller, None, asked, now)?)
    }

    /// Whether the caller is a person who was erased and not let in again: nothing is recorded about them.
    ///
    /// # Errors
    ///
    /// [`Refusal::Internal`] when the registry cannot be read.
    pub async fn is_erased(&self, caller: &CallerId, deadline: Deadline) -> Result<bool, Refusal> {
        let fresh = deadline.limit(STEP_TIMEOUT, self.fresh()).await;
        let fresh = fresh.unwrap_or_else(|_| Err(RegistryError::late("restrictions")))?;
        Ok(fresh.is_erased(caller))
    }

    /// What the registry has now.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when it cannot be read.
    pub async fn fresh(&self) -> Result<Restrictions, RegistryError> {
        let current = self.registry.restrictions().await?;
        Ok(current.with_formula(&self.formula))
    }

    fn known(&self) -> Option<Arc<Restrictions>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    /// Reads the registry, unless another call has read another version meanwhile.
    async fn read_unless_newer(
        &self,
        than: Option<&Restrictions>,
        deadline: Deadline,
    ) -> Result<Arc<Restrictions>, Refusal> {
        let reading = async {
            let _turn = self.reading.lock().await;
            let known = self.known();
            if let Some(known) = known
                && than.is_none_or(|than| than.version() != known.version())
            {
                return Ok(known);
            }
            let read = self.registry.restrictions().await?;
            let read = Arc::new(read.with_formula(&self.formula));
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            *known = Some(Arc::clone(&read));
            Ok(read)
        };
        let read = deadline.limit(STEP_TIMEOUT, reading).await;
        let read: Result<_, RegistryError> =
            read.unwrap_or_else(|_| Err(RegistryError::late("restrictions")));
        Ok(read?)
    }
}
