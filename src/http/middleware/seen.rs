use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::{HttpMessage, HttpRequest};

use crate::domain::{BucketName, OwnerPseudonym, RequestId};
use crate::service::Refusal;

use crate::http::problems::failure::Failure;

/// What is known of a request while it is answered: its name, and how it ends.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    request_id: RequestId,
    ending: Arc<Mutex<Ending>>,
}

#[derive(Debug, Default)]
pub(crate) struct Ending {
    pub(crate) outcome: Option<&'static str>,
    pub(crate) cause: Option<String>,
    pub(crate) access_key: Option<String>,
    bucket: Option<BucketName>,
    owner: Option<OwnerPseudonym>,
    caller: Option<OwnerPseudonym>,
}

impl Seen {
    pub(crate) fn new(request_id: RequestId) -> Self {
        Self {
            request_id,
            ending: Arc::default(),
        }
    }

    /// What [`super::observe`] put into the request.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        request
            .extensions()
            .get::<Self>()
            .cloned()
            .unwrap_or_else(|| Self::new(RequestId::from_random([0; 16])))
    }

    pub(crate) fn request_id(&self) -> RequestId {
        self.request_id
    }

    /// The request has passed authentication.
    pub(crate) fn asked_by(&self, caller: OwnerPseudonym) {
        self.ending().caller = Some(caller);
    }

    /// The request is for this owner's bucket.
    pub(crate) fn concerns(&self, owner: OwnerPseudonym, bucket: &BucketName) {
        let mut ending = self.ending();
        ending.owner = Some(owner);
        ending.bucket = Some(bucket.clone());
    }

    /// The request is for this access key, which is an owner for itself.
    pub(crate) fn concerns_key(&self, owner: OwnerPseudonym, access_key: &str) {
        let mut ending = self.ending();
        ending.owner = Some(owner);
        ending.access_key = Some(access_key.to_owned());
    }

    /// Credentials go out, as `vended` or `rotated`.
    pub(crate) fn succeeded(&self, outcome: &'static str) {
        self.ending().outcome = Some(outcome);
    }

    /// A failure goes out. A conflict raises an alarm (docs/bucket-conflict.md).
    pub(crate) fn ended_with(&self, outcome: &'static str, failure: &Failure) {
        let mut ending = self.ending();
        ending.outcome = Some(outcome);
        ending.cause = failure.for_the_log();
        if matches!(failure, Failure::Refused(Refusal::BucketConflict)) {
            tracing::error!(
                request_id = %self.request_id,
                owner = ending.owner(),
                bucket = ending.bucket(),
                alarm = "bucket-conflict",
                "a bucket exists and is not known to be its owner's: nothing was vended"
            );
        }
    }

    pub(crate) fn ending(&self) -> MutexGuard<'_, Ending> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ending {
    /// Whose storage the request is for. One that was refused before that was known counts for the
    /// caller's own.
    pub(crate) fn owner(&self) -> Option<&str> {
        let owner = self.owner.as_ref().or(self.caller.as_ref());
        owner.map(OwnerPseudonym::as_str)
    }

    /// Who asks, where that is not the owner.
    pub(crate) fn caller(&self) -> Option<&str> {
        let caller = self.caller.as_ref().map(OwnerPseudonym::as_str);
        caller.filter(|caller| self.owner() != Some(caller))
    }

    pub(crate) fn bucket(&self) -> Option<&str> {
        self.bucket.as_ref().map(BucketName::as_str)
    }
}
