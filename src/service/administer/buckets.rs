use crate::domain::{BucketName, BucketOwner, Owner};
use crate::service::{Assigned, Presence, Released, Reservation};

use super::{Administer, AdministerError, find_organisation, find_workspace};

impl Administer {
    /// Takes a bucket away from a person, who gets the one of the formula at the next call. No other
    /// owner ever gets the bucket.
    ///
    /// # Errors
    ///
    /// [`AdministerError`] when it is not reserved, or organisations and workspaces share it.
    pub async fn release_bucket(&self, reservation: &Reservation) -> Result<(), AdministerError> {
        let bucket = &reservation.bucket;
        let BucketOwner::Principal(principal) = &reservation.bucket_owner else {
            return Err(AdministerError::SharedBucket(bucket.clone()));
        };
        let event = self
            .event("bucket release", Owner::Principal(principal.clone()))
            .with_detail(format!("bucket:{bucket}"));
        match self.administration().release(bucket, &event).await? {
            Released::Yes => Ok(()),
            Released::Shared => Err(AdministerError::SharedBucket(bucket.clone())),
            Released::NotReserved => Err(AdministerError::NoSuch(format!(
                "reservation of the bucket {bucket}"
            ))),
        }
    }

    /// Reserves a bucket that the store already has for its owner by the formula or the area.
    ///
    /// # Errors
    ///
    /// [`AdministerError`] when it is not the owner's, is or was another's, or the store has no such
    /// bucket of this deployment.
    pub async fn assign_bucket(
        &self,
        owner: &Owner,
        bucket: &BucketName,
    ) -> Result<(), AdministerError> {
        let own = self.bucket_of(owner).await?;
        if own != *bucket {
            let owner = owner.clone();
            return Err(AdministerError::NotTheOwners { owner, own });
        }
        self.must_be_ours(bucket).await?;
        let event = self
            .event("bucket assign", owner.clone())
            .with_detail(format!("bucket:{bucket}"));
        let bucket = bucket.clone();
        match self.administration().assign(owner, &bucket, &event).await? {
            // This tags the bucket, after a second look for another deployment's tag.
            Assigned::Yes => self.take_bucket(owner, &bucket, false).await,
            Assigned::Already => Err(AdministerError::AlreadyAssigned(bucket)),
            Assigned::HasAnother(other) => Err(AdministerError::HasAnother(other)),
            Assigned::Reached => Err(AdministerError::Reached(bucket)),
            Assigned::Anothers(other) => Err(AdministerError::AnothersBucket {
                bucket,
                bucket_owner: format!("{} {}", other.kind(), other.id()),
            }),
        }
    }

    async fn bucket_of(&self, owner: &Owner) -> Result<BucketName, AdministerError> {
        let directory = self.administration();
        Ok(match owner {
            Owner::Organisation(slug) => find_organisation(directory, slug).await?.area.bucket,
            Owner::Workspace(name) => find_workspace(directory, name).await?.area.bucket,
            Owner::Principal(_) | Owner::AccessKey(_) => self.settings.formula.bucket(owner),
        })
    }

    /// Refuses a bucket that is missing, another account's or another deployment's.
    pub(super) async fn must_be_ours(&self, bucket: &BucketName) -> Result<(), AdministerError> {
        let buckets = &self.ports.buckets;
        match buckets.look(bucket).await? {
            Presence::Ours => {}
            Presence::Missing => return Err(AdministerError::NoSuch(format!("bucket {bucket}"))),
            Presence::Foreign | Presence::Hidden => {
                return Err(AdministerError::BucketConflict(bucket.clone()));
            }
        }
        match buckets.marker(bucket).await? {
            Some(marker) if marker != self.settings.deployment => {
                Err(AdministerError::BucketConflict(bucket.clone()))
            }
            _ => Ok(()),
        }
    }
}
