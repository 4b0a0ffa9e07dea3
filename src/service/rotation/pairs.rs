use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::{AccessKeyId, BucketName, KeyPair};
use crate::service::{RegistryError, UpstreamError, UpstreamErrorKind};

use super::lease::Lease;
use super::timing::PROOF_LIMIT;
use super::{AccessKeyBroker, AccessKeyRegistry, PairStanding, RecordedPair};

/// Between two uses of a pair that the engine does not accept yet.
const PAUSE: Duration = Duration::from_millis(200);

/// The pairs of one access key, at the engine and in the registry.
pub(super) struct Pairs<'a> {
    broker: &'a dyn AccessKeyBroker,
    registry: &'a dyn AccessKeyRegistry,
    key: &'a AccessKeyId,
    lease: Option<&'a Lease>,
}

/// Why pairs of an access key could not be ended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PairsError {
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The engine failed.
    #[error("store: {0}")]
    Engine(#[from] UpstreamError),
    /// The lease is over, so another process has to finish the work.
    #[error("another process has taken the access key")]
    LeaseLost,
}

impl<'a> Pairs<'a> {
    /// The pairs of the key that this process holds by the lease.
    pub(super) fn under(lease: &'a Lease, broker: &'a dyn AccessKeyBroker) -> Self {
        Self {
            broker,
            registry: lease.registry.as_ref(),
            key: &lease.key,
            lease: Some(lease),
        }
    }

    /// The pairs of a key that is disabled or deleted. It stays so, so they can be ended without a
    /// lease.
    pub(super) fn of_ended_key(
        key: &'a AccessKeyId,
        registry: &'a dyn AccessKeyRegistry,
        broker: &'a dyn AccessKeyBroker,
    ) -> Self {
        Self {
            broker,
            registry,
            key,
            lease: None,
        }
    }

    /// Ends every pair.
    pub(super) async fn end_all(&self) -> Result<(), PairsError> {
        self.keep_only(|_| false).await
    }

    /// Ends every pair but the current one.
    pub(super) async fn end_all_but_current(&self) -> Result<(), PairsError> {
        self.keep_only(|pair| pair.standing == PairStanding::Current)
            .await
    }

    /// Ends the pairs that are due and those that are not on record. An unproven pair was handed out
    /// and may be in use, so it lives beside the current one until the next rotation.
    pub(super) async fn end_due(&self, now: DateTime<Utc>) -> Result<(), PairsError> {
        self.keep_only(|pair| match pair.standing {
            PairStanding::Current | PairStanding::Unproven => true,
            PairStanding::Ends(ends) => ends > now,
        })
        .await
    }

    /// The engine's list may lag behind. So a pair on record is ended whether it is listed or not, and
    /// forgotten only after that. One pair that fails does not keep the others from being ended.
    async fn keep_only(&self, keeps: impl Fn(&RecordedPair) -> bool) -> Result<(), PairsError> {
        let mut outcome = Ok(());
        let recorded = self.registry.recorded_pairs(self.key).await?;
        for pair in recorded.iter().filter(|pair| !keeps(pair)) {
            let ended = async {
                self.withdraw(&pair.id).await?;
                Ok(self.registry.forget_pair(self.key, &pair.id).await?)
            };
            outcome = outcome.and(ended.await);
        }
        let listed = self.broker.pairs(self.key).await?;
        // Read after the list: if the lease was lost in between, another process may have recorded a
        // pair, which is not a stray one.
        let recorded = self.registry.recorded_pairs(self.key).await?;
        for pair in &listed {
            if !recorded.iter().any(|recorded| recorded.id == *pair) {
                outcome = outcome.and(self.withdraw(pair).await);
            }
        }
        outcome
    }

    /// Ends a pair at the engine. The lease is checked first: the pair may be another rotation's by
    /// now.
    pub(super) async fn withdraw(&self, pair: &str) -> Result<(), PairsError> {
        if let Some(lease) = self.lease
            && !lease.is_held().await?
        {
            return Err(PairsError::LeaseLost);
        }
        Ok(self.broker.withdraw(self.key, pair).await?)
    }
}

/// Uses the pair until the engine accepts it.
///
/// # Errors
///
/// [`UpstreamError`] of the last try when the engine has not accepted it after 25 s.
pub(in crate::service) async fn prove(
    broker: &dyn AccessKeyBroker,
    pair: &KeyPair,
    bucket: Option<&BucketName>,
) -> Result<(), UpstreamError> {
    let mut last = UpstreamError::timeout("the first use of the pair");
    let proving = async {
        loop {
            match broker.works(pair, bucket).await {
                Ok(true) => return,
                Ok(false) => {
                    let cause = "the store has not picked up the pair or its policy yet";
                    last = UpstreamError::new(UpstreamErrorKind::Refused, cause);
                }
                Err(error) => last = error,
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let proven = tokio::time::timeout(PROOF_LIMIT, proving).await;
    proven.map_err(|_| last)
}
