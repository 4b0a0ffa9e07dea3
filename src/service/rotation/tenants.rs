use crate::domain::{AccessKey, AccessKeyOwner, BucketFormula, BucketName};
use crate::service::RegistryError;

use super::{AccessKeyRegistry, BucketTenant};

/// What the registry knows about the buckets that an access key is to open.
#[derive(Clone, Debug, Default)]
pub struct KnownBuckets {
    /// A bucket with an owner that begins with the key's prefix, where the key opens all of those.
    pub under_prefix: Option<String>,
    /// Each bucket that the key names, with those it belongs to.
    pub named: Vec<(BucketName, Vec<BucketTenant>)>,
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
    let is_others = |(bucket, tenants): &&(BucketName, Vec<BucketTenant>)| {
        let unreserved_name = tenants.is_empty() && formula.could_make(bucket);
        unreserved_name || tenants.iter().any(|tenant| !is_owners(&key.owner, tenant))
    };
    let found = known.named.iter().find(is_others);
    found.map(|(bucket, _)| bucket.to_string())
}

/// The same by what the registry knows now.
pub(super) async fn bucket_of_others_now(
    registry: &dyn AccessKeyRegistry,
    formula: &BucketFormula,
    key: &AccessKey,
) -> Result<Option<String>, RegistryError> {
    let known = registry.known_buckets(&key.rights).await?;
    Ok(bucket_of_others(formula, key, &known))
}

fn is_owners(owner: &AccessKeyOwner, tenant: &BucketTenant) -> bool {
    match (owner, tenant) {
        (AccessKeyOwner::Principal(owner), BucketTenant::Principal(tenant)) => owner == tenant,
        (AccessKeyOwner::Subject(owner), BucketTenant::Principal(tenant)) => {
            *owner == tenant.subject
        }
        (AccessKeyOwner::Organisation(owner), BucketTenant::Organisation(tenant)) => {
            owner == tenant
        }
        _ => false,
    }
}
