use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::domain::AccessKeyState;
use crate::service::{AccessKeyRefusal, Deadline, Refusal, RegistryError, UpstreamError};

use super::task::{Progress, run};
use super::timing::{CHECK_LIMIT, MAKE_LIMIT, PROOF_PATIENCE, TRANSACTION_LIMIT};
use super::use_case::{RotateAccessKey, Rotated, Rotation};

impl RotateAccessKey {
    /// Makes a new pair and, once it is proven, ends the one before. A detached task does the work, so
    /// the key is left in order if the caller goes away.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] of the first step that fails.
    pub async fn rotate(&self, rotation: Rotation, deadline: Deadline) -> Result<Rotated, Refusal> {
        let patience = Deadline::after(PROOF_PATIENCE);
        let late = |_| RegistryError::late("looking at an access key");
        let admitted = deadline.limit(CHECK_LIMIT, self.0.admit(rotation));
        let admitted = admitted.await.map_err(late)??;
        let mut key = admitted.key.clone();
        let (tell, mut told) = mpsc::unbounded_channel();
        let running = self
            .0
            .rotations
            .track(run(Arc::clone(&self.0), admitted, tell));
        self.0.ports.runtime.spawn(running);
        let late = |_| AccessKeyRefusal::NotQueued(RegistryError::late("rotation").to_string());
        let taken = deadline.limit(TRANSACTION_LIMIT, next(&mut told)).await;
        taken.map_err(late)??;
        let late = |_| Refusal::Store(UpstreamError::timeout("making the pair"));
        let made = deadline.limit(MAKE_LIMIT, next(&mut told)).await;
        let Progress::Made(pair, acknowledge) = made.map_err(late)?? else {
            return Err(cut_off());
        };
        acknowledge.send(()).map_err(|()| cut_off())?;
        let proven = deadline.limit(PROOF_PATIENCE, next(&mut told));
        key.state = match patience.limit(PROOF_PATIENCE, proven).await.flatten() {
            Ok(Err(refusal)) => return Err(refusal),
            Ok(Ok(Progress::Proven)) => AccessKeyState::Active,
            Ok(Ok(_)) | Err(_) => AccessKeyState::Pending,
        };
        Ok(Rotated { key, pair })
    }
}

async fn next(
    told: &mut UnboundedReceiver<Result<Progress, Refusal>>,
) -> Result<Progress, Refusal> {
    told.recv().await.unwrap_or_else(|| Err(cut_off()))
}

fn cut_off() -> Refusal {
    Refusal::Internal("the rotation was cut off".to_owned())
}
