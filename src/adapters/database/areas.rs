//! Areas: which part of a bucket is whose. An owner that is removed for good leaves its area behind, so
//! that no other owner gets it.

use crate::domain::{Area, BucketName, Owner};
use crate::service::{Added, RegistryError};

use super::SqlDirectory;
use super::bucket_owners;
use super::change::Change;
use super::rows;
use super::statement::Statement;

/// The areas of a bucket.
pub(super) fn select_areas(bucket: &BucketName) -> Statement<'static> {
    sqlx::query("SELECT owner_kind, owner_id, bucket, prefix FROM areas WHERE bucket = $1")
        .bind(bucket.as_str())
}

/// The owner's area.
pub(super) fn select_area_of(owner: &Owner) -> Statement<'static> {
    sqlx::query("SELECT bucket, prefix FROM areas WHERE owner_kind = $1 AND owner_id = $2")
        .bind(owner.kind())
        .bind(owner.id())
}

impl SqlDirectory {
    /// Begins a change that gives the owner the area, and stops others from taking a part of the
    /// bucket meanwhile. Returns the reason when the owner cannot have it.
    pub(super) async fn take_area(
        &self,
        owner: &Owner,
        area: &Area,
    ) -> Result<Result<Change, Added>, RegistryError> {
        let lock = sqlx::query(
            "UPDATE owned_buckets SET state = state WHERE bucket = $1 AND owner_kind = 'shared'",
        )
        .bind(area.bucket.as_str());
        let Some(mut change) = Change::begin(&self.database, "area", lock).await? else {
            let cause = "area: its bucket is not on record";
            return Err(RegistryError::new(cause));
        };
        let own = change.row(select_area_of(owner), rows::area).await?;
        if let Some(own) = own
            && !is_known(&mut change, owner).await?
        {
            return Ok(Err(Added::Removed(own)));
        }
        let keys =
            bucket_owners::keys_that_reach(&mut change.lease.connection, &area.bucket).await?;
        if keys
            .iter()
            .any(|key| key.opens_to_others(&area.bucket, owner))
        {
            return Ok(Err(Added::Reached));
        }
        let taken = change
            .rows(select_areas(&area.bucket), rows::owned_area)
            .await?;
        for (other, theirs) in taken {
            if other == *owner && theirs == *area {
                return Ok(Ok(change));
            }
            if theirs.overlaps(area) {
                return Ok(Err(Added::AreaTaken(other)));
            }
        }
        let insert = sqlx::query(
            "INSERT INTO areas (owner_kind, owner_id, bucket, prefix) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
        )
        .bind(owner.kind())
        .bind(owner.id())
        .bind(area.bucket.as_str())
        .bind(area.prefix.as_str());
        match change.execute(insert).await? {
            0 => Ok(Err(Added::NameTaken)),
            _ => Ok(Ok(change)),
        }
    }
}

/// Whether there is such an organisation or workspace, even if it is deleted. One that was removed for
/// good is no longer known.
async fn is_known(change: &mut Change, owner: &Owner) -> Result<bool, RegistryError> {
    let query = sqlx::query(
        "SELECT 1 FROM organisations WHERE $1 = 'organisation' AND slug = $2 \
         UNION ALL SELECT 1 FROM workspaces WHERE $1 = 'workspace' AND organisation || '/' || slug = $2",
    );
    let query = query.bind(owner.kind()).bind(owner.id());
    let found = change.row(query, |_| Ok(())).await?;
    Ok(found.is_some())
}
