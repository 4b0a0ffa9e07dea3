use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::{HttpMessage, HttpRequest};

use crate::domain::{BucketName, OwnerPseudonym, RequestId};
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
    pub(super) access_key: Option<String>,
    bucket: Option<BucketName>,
    owner: Option<OwnerPseudonym>,
    caller: Option<OwnerPseudonym>,
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

    /// The request has passed authentication.
    pub(super) fn asked_by(&self, caller: OwnerPseudonym) {
        self.ending().caller = Some(caller);
    }

    /// The request is for this owner's bucket.
    pub(super) fn concerns(&self, owner: OwnerPseudonym, bucket: &BucketName) {
        let mut ending = self.ending();
        ending.owner = Some(owner);
        ending.bucket = Some(bucket.clone());
    }

    /// The request is for this access key, which is an owner for itself.
    pub(super) fn concerns_key(&self, owner: OwnerPseudonym, access_key: &str) {
        let mut ending = self.ending();
        ending.owner = Some(owner);
        ending.access_key = Some(access_key.to_owned());
    }

    /// Credentials go out, as `vended` or `rotated`.
    pub(super) fn succeeded(&self, outcome: &'static str) {
        self.ending().outcome = Some(outcome);
    }

    /// A failure goes out. A conflict raises an alarm (contract section 4).
    pub(super) fn ended_with(&self, outcome: &'static str, failure: &Failure) {
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

    pub(super) fn ending(&self) -> MutexGuard<'_, Ending> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ending {
    /// Whose storage the request is for. One that was refused before that was known counts for the
    /// caller's own.
    pub(super) fn owner(&self) -> Option<&str> {
        let owner = self.owner.as_ref().or(self.caller.as_ref());
        owner.map(OwnerPseudonym::as_str)
    }

    /// Who asks, where that is not the owner.
    pub(super) fn caller(&self) -> Option<&str> {
        let caller = self.caller.as_ref().map(OwnerPseudonym::as_str);
        caller.filter(|caller| self.owner() != Some(caller))
    }

    pub(super) fn bucket(&self) -> Option<&str> {
        self.bucket.as_ref().map(BucketName::as_str)
    }
}
