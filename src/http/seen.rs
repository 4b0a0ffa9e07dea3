use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::{HttpMessage, HttpRequest};

use crate::domain::RequestId;
use crate::service::Refusal;

use super::failure::Failure;

/// What is known of a request while it is answered: its name, and how it ends.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    request_id: RequestId,
    ending: Arc<Mutex<Ending>>,
}

#[derive(Debug, Default)]
pub(super) struct Ending {
    pub(super) outcome: Option<&'static str>,
    pub(super) cause: Option<String>,
    pub(super) bucket: Option<String>,
    pub(super) access_key: Option<String>,
}

impl Seen {
    pub(super) fn new(request_id: RequestId) -> Self {
        Self {
            request_id,
            ending: Arc::default(),
        }
    }

    /// What [`super::observe`] put into the request.
    pub(super) fn of(request: &HttpRequest) -> Self {
        request
            .extensions()
            .get::<Self>()
            .cloned()
            .unwrap_or_else(|| Self::new(RequestId::from_random([0; 16])))
    }

    pub(super) fn request_id(&self) -> RequestId {
        self.request_id
    }

    /// Credentials to this bucket go out.
    pub(super) fn vended(&self, bucket: &str) {
        let mut ending = self.ending();
        ending.outcome = Some("vended");
        ending.bucket = Some(bucket.to_owned());
    }

    /// A new pair of this access key goes out.
    pub(super) fn rotated(&self, access_key: &str) {
        let mut ending = self.ending();
        ending.outcome = Some("rotated");
        ending.access_key = Some(access_key.to_owned());
    }

    /// A failure goes out. A conflict is said aloud: somebody should look (contract section 4).
    pub(super) fn ended_with(&self, outcome: &'static str, failure: &Failure) {
        let mut ending = self.ending();
        ending.outcome = Some(outcome);
        ending.cause = failure.for_the_log();
        if matches!(failure, Failure::Refused(Refusal::BucketConflict)) {
            tracing::error!(
                request_id = %self.request_id,
                alarm = "bucket-conflict",
                "a bucket exists and is not known to be its owner's: nothing was vended"
            );
        }
    }

    pub(super) fn ending(&self) -> MutexGuard<'_, Ending> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
