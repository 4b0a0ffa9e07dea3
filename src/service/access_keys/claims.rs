use crate::domain::{AccessKey, BucketFormula, BucketName, KeyOwner};
use crate::service::RegistryError;

use super::{BucketClaim, KeyRegistry};

/// What the registry knows about the buckets that an access key is to open.
#[derive(Clone, Debug, Default)]
pub struct KnownBuckets {
    /// A bucket with an owner that begins with the key's prefix, where the key opens all of those.
    pub under_prefix: Option<String>,
    /// Each bucket that the key names, with those it belongs to.
    pub named: Vec<(BucketName, Vec<BucketClaim>)>,
}

/// The bucket of the key that is somebody else's, or could be, if there is one.
#[must_use]
pub fn bucket_of_others(
    formula: &BucketFormula,
    key: &AccessKey,
    known: &KnownBuckets,
) -> Option<String> {
    let prefix = key.rights.prefix.as_ref();
    if let Some(prefix) = prefix.filter(|_| key.rights.reaches_all()) {
        // The naming may have changed since the key was made.
        if formula.could_begin_with(prefix) {
            return Some(format!("{prefix}*"));
        }
        if let Some(bucket) = &known.under_prefix {
            return Some(bucket.clone());
        }
    }
    let is_others = |(bucket, claims): &&(BucketName, Vec<BucketClaim>)| {
        let unclaimed_locker = claims.is_empty() && formula.could_make(bucket);
        unclaimed_locker || claims.iter().any(|claim| !is_owners(&key.owner, claim))
    };
    let found = known.named.iter().find(is_others);
    found.map(|(bucket, _)| bucket.to_string())
}

/// The same by what the registry knows now.
pub(super) async fn claimed(
    registry: &dyn KeyRegistry,
    formula: &BucketFormula,
    key: &AccessKey,
) -> Result<Option<String>, RegistryError> {
    let known = registry.known_buckets(&key.rights).await?;
    Ok(bucket_of_others(formula, key, &known))
}

fn is_owners(owner: &KeyOwner, claim: &BucketClaim) -> bool {
    match (owner, claim) {
        (KeyOwner::Principal(owner), BucketClaim::Principal(claim)) => owner == claim,
        (KeyOwner::Subject(owner), BucketClaim::Principal(claim)) => *owner == claim.subject,
        (KeyOwner::Organisation(owner), BucketClaim::Organisation(claim)) => owner == claim,
        _ => false,
    }
}
