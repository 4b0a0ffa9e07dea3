//! Checks an area and creates its bucket before the owner is added.

use std::time::Duration;

use crate::domain::{Access, Area, BucketName, Owner, Prefix, SessionPolicy};
use crate::service::{
    Added, Deadline, EnsureBucketError, ReservationState, ReserveOutcome, UpstreamErrorKind,
};

use super::{Administer, AdministerError};

/// How long an operator waits for a bucket.
const BUCKET_TIMEOUT: Duration = Duration::from_secs(30);

/// Where an operator wants an owner's storage to be.
#[derive(Clone, Debug, Default)]
pub struct NewArea {
    /// The bucket, which may exist already; the owner's own by default.
    pub bucket: Option<BucketName>,
    /// The prefix; the owner's name by default.
    pub prefix: Option<Prefix>,
}

impl Administer {
    pub(super) fn area(&self, owner: &Owner, new: &NewArea, default: Prefix) -> Area {
        let bucket = new.bucket.clone();
        Area {
            bucket: bucket.unwrap_or_else(|| self.settings.formula.bucket(owner)),
            prefix: new.prefix.clone().unwrap_or(default),
        }
    }

    /// Refuses an owner that was removed for good. Adding the owner checks again.
    pub(super) async fn must_not_be_removed(&self, owner: &Owner) -> Result<(), AdministerError> {
        match self.administration().area_of(owner).await? {
            None => Ok(()),
            Some(area) => Err(removed(owner, area)),
        }
    }

    /// Refuses an area that the registry or an engine would refuse, before its bucket is created.
    pub(super) async fn must_be_free(
        &self,
        owner: &Owner,
        area: &Area,
    ) -> Result<(), AdministerError> {
        self.must_not_be_reached(owner, area).await?;
        let policy = SessionPolicy::for_grant(
            &area.grant(Access::ReadWrite),
            &self.settings.session_policies,
        );
        policy.map_err(|_| AdministerError::PrefixTooLong)?;
        let administration = self.administration();
        let taken = administration.areas(&area.bucket).await?;
        // The person whose bucket this would be may not have called yet.
        let could_be_a_principals = taken.is_empty()
            && area.bucket != self.settings.formula.bucket(owner)
            && self.settings.formula.could_make(&area.bucket);
        if could_be_a_principals || administration.is_principals(&area.bucket).await? {
            return Err(AdministerError::PrincipalsBucket(area.bucket.clone()));
        }
        let mut taken = taken.into_iter();
        match taken.find(|(other, theirs)| other != owner && theirs.overlaps(area)) {
            Some((owner, _)) => Err(AdministerError::AreaTaken {
                area: area.clone(),
                owner,
            }),
            None => Ok(()),
        }
    }

    /// Refuses a bucket that an access key of another owner still reaches, and one that the prefix of
    /// "all buckets" covers. Adding the area checks again, when no key can be added meanwhile.
    async fn must_not_be_reached(&self, owner: &Owner, area: &Area) -> Result<(), AdministerError> {
        let bucket = &area.bucket;
        let prefix = self.settings.bucket_prefix.as_ref();
        let is_under_prefix = prefix.is_some_and(|prefix| prefix.covers(bucket));
        let keys = self.administration().keys_that_reach(bucket).await?;
        if is_under_prefix || keys.iter().any(|key| key.opens_to_others(bucket, owner)) {
            return Err(AdministerError::Reached(bucket.clone()));
        }
        Ok(())
    }

    /// Creates the bucket, unless it exists. A bucket that the operator has named may be older than
    /// its owner.
    pub(super) async fn take_bucket(
        &self,
        owner: &Owner,
        bucket: &BucketName,
        is_named: bool,
    ) -> Result<(), AdministerError> {
        if is_named {
            let registry = &self.ports.registry;
            let bucket_owner = owner.bucket_owner(bucket);
            let outcome = registry.reserve(&bucket_owner, bucket).await?;
            if outcome == ReserveOutcome::Held(ReservationState::Reserved) {
                // The gateway treats the bucket as one that it created itself.
                let creating = ReservationState::Creating;
                registry.advance(&bucket_owner, bucket, creating).await?;
            }
        }
        let deadline = Deadline::after(BUCKET_TIMEOUT);
        let ensure_bucket = &self.ports.ensure_bucket;
        loop {
            match ensure_bucket.ensure(owner, bucket, deadline).await {
                Ok(()) => return Ok(()),
                // The creation goes on; an operator waits longer for it than a request.
                Err(EnsureBucketError::Store(failure))
                    if failure.kind == UpstreamErrorKind::Timeout && !deadline.has_passed() => {}
                Err(EnsureBucketError::Conflict) => {
                    return Err(AdministerError::BucketConflict(bucket.clone()));
                }
                Err(EnsureBucketError::Registry(error)) => return Err(error.into()),
                Err(EnsureBucketError::Store(failure)) => return Err(failure.into()),
                Err(
                    error @ (EnsureBucketError::Blocked(_)
                    | EnsureBucketError::Overloaded
                    | EnsureBucketError::Vanished),
                ) => {
                    return Err(AdministerError::Internal(error.to_string()));
                }
            }
        }
    }
}

/// Fails unless the owner was added.
pub(super) fn require_added(
    added: Added,
    owner: &Owner,
    area: &Area,
) -> Result<(), AdministerError> {
    match added {
        Added::Yes => Ok(()),
        Added::NameTaken => Err(AdministerError::Exists(owner.clone())),
        Added::Removed(area) => Err(removed(owner, area)),
        Added::Reached => Err(AdministerError::Reached(area.bucket.clone())),
        Added::AreaTaken(owner) => Err(AdministerError::AreaTaken {
            area: area.clone(),
            owner,
        }),
    }
}

fn removed(owner: &Owner, area: Area) -> AdministerError {
    AdministerError::Removed {
        owner: owner.clone(),
        area,
    }
}
