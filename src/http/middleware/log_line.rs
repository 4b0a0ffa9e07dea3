use std::cell::{Ref, RefCell};

use crate::domain::{BucketName, OwnerPseudonym};

/// What a request's line in the log says beyond the request itself, noted as it becomes known.
#[derive(Debug, Default)]
pub(crate) struct LogLine(RefCell<Notes>);

/// See [`LogLine`].
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) outcome: Option<&'static str>,
    pub(crate) cause: Option<String>,
    pub(crate) access_key: Option<String>,
    bucket: Option<BucketName>,
    owner: Option<OwnerPseudonym>,
    caller: Option<OwnerPseudonym>,
}

impl LogLine {
    /// The request has passed authentication.
    pub(crate) fn asked_by(&self, caller: OwnerPseudonym) {
        self.0.borrow_mut().caller = Some(caller);
    }

    /// The request is for this owner's bucket.
    pub(crate) fn concerns(&self, owner: OwnerPseudonym, bucket: &BucketName) {
        let mut notes = self.0.borrow_mut();
        notes.owner = Some(owner);
        notes.bucket = Some(bucket.clone());
    }

    /// The request is for this access key, which is an owner itself.
    pub(crate) fn concerns_key(&self, owner: OwnerPseudonym, access_key: &str) {
        let mut notes = self.0.borrow_mut();
        notes.owner = Some(owner);
        notes.access_key = Some(access_key.to_owned());
    }

    /// The request ends with this outcome, unless another is noted later.
    pub(crate) fn outcome(&self, outcome: &'static str) {
        self.0.borrow_mut().outcome = Some(outcome);
    }

    /// What an operator should know about an answer that is no success.
    pub(crate) fn cause(&self, cause: Option<String>) {
        self.0.borrow_mut().cause = cause;
    }

    pub(crate) fn notes(&self) -> Ref<'_, Notes> {
        self.0.borrow()
    }
}

impl Notes {
    /// Whose storage the request is for. A request that was refused before that was known counts
    /// for the caller's own.
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
