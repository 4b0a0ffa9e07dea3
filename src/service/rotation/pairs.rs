use std::time::Duration;

use crate::domain::{BucketName, KeyPair};
use crate::service::{UpstreamError, UpstreamErrorKind};

use super::AccessKeyBroker;
use super::timing::PROOF_LIMIT;

const PAUSE: Duration = Duration::from_millis(200);

/// Uses the pair until the engine takes it.
///
/// # Errors
///
/// [`UpstreamError`] of the last try when it has not after 25 s.
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
                    let cause = "the store does not know the pair, or not what it may do";
                    last = UpstreamError::new(UpstreamErrorKind::Refused, cause);
                }
                Err(failure) => last = failure,
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let proven = tokio::time::timeout(PROOF_LIMIT, proving).await;
    proven.map_err(|_| last)
}
