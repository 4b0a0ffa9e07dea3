use std::convert::Infallible;
use std::sync::Arc;

use crate::domain::{AccessKeyId, AccessKeyState};

use super::AccessKeyRegistry;
use super::keeper::AccessKeyKeeperError;
use super::timing::RENEW_EVERY;

/// A key that this process has taken in the registry, for one rotation or one look. Nobody else
/// rotates the key or looks after it meanwhile, as long as the lease is renewed.
pub(super) struct Lease {
    pub(super) registry: Arc<dyn AccessKeyRegistry>,
    pub(super) key: AccessKeyId,
    /// What the registry knows the lease by.
    pub(super) name: String,
}

impl Lease {
    /// Renews the lease while `work` goes on. A lease that is lost does not stop the work: the next
    /// [`check`](Self::check) does.
    pub(super) async fn renewed_during<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            never = self.renew() => match never {},
        }
    }

    async fn renew(&self) -> Infallible {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            if let Err(error) = self.registry.renew(&self.key, &self.name).await {
                tracing::warn!(%error, key = %self.key, "the lease of an access key is not renewed");
            }
        }
    }

    /// Whether the key is still this process's. To be asked before each step that ends something: the
    /// pair may be another rotation's by now.
    ///
    /// # Errors
    ///
    /// [`AccessKeyKeeperError::Lost`] when another process has the key, [`AccessKeyKeeperError::Registry`] when that
    /// cannot be told.
    pub(super) async fn check(&self) -> Result<(), AccessKeyKeeperError> {
        if self.registry.renew(&self.key, &self.name).await? {
            Ok(())
        } else {
            Err(AccessKeyKeeperError::Lost)
        }
    }

    /// Gives the key back. A registry that cannot be told sees the renewals end, and the keeper takes
    /// the key over.
    pub(super) async fn give_back(&self, state: Option<AccessKeyState>, is_clean: bool) {
        let ended = self
            .registry
            .end_rotation(&self.key, &self.name, state, is_clean);
        if let Err(error) = ended.await {
            tracing::warn!(%error, key = %self.key, "the end of a rotation could not be recorded");
        }
    }
}
