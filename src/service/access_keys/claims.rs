use crate::domain::{AccessKey, BucketFormula, KeyOwner};
use crate::service::RegistryError;

use super::{BucketClaim, KeyRegistry};

/// The bucket of the key that is somebody else's, or could be, if there is one.
pub(in crate::service) async fn claimed(
    registry: &dyn KeyRegistry,
    formula: &BucketFormula,
    key: &AccessKey,
) -> Result<Option<String>, RegistryError> {
    if let Some(prefix) = key
        .rights
        .prefix
        .as_ref()
        .filter(|_| key.rights.reaches_all())
    {
        // The naming may have changed since the key was made.
        if formula.could_begin_with(prefix) {
            return Ok(Some(format!("{prefix}*")));
        }
        if let Some(bucket) = registry.claimed_under(prefix).await? {
            return Ok(Some(bucket));
        }
    }
    for bucket in key.rights.buckets() {
        let claims = registry.claims_on(bucket).await?;
        let unclaimed_locker = claims.is_empty() && formula.could_make(bucket);
        let foreign = claims.iter().any(|claim| !is_owners(&key.owner, claim));
        if unclaimed_locker || foreign {
            return Ok(Some(bucket.to_string()));
        }
    }
    Ok(None)
}

fn is_owners(owner: &KeyOwner, claim: &BucketClaim) -> bool {
    match (owner, claim) {
        (KeyOwner::Principal(owner), BucketClaim::Principal(claim)) => owner == claim,
        (KeyOwner::Subject(owner), BucketClaim::Principal(claim)) => *owner == claim.subject,
        (KeyOwner::Organisation(owner), BucketClaim::Organisation(claim)) => owner == claim,
        _ => false,
    }
}
