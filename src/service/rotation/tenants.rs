use crate::domain::{AccessKey, AccessKeyOwner, BucketFormula, BucketName, Principal, Slug};

/// To whom a bucket, or a part of it, belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketTenant {
    /// It is or was this principal's.
    Principal(Principal),
    /// Part of it belongs to this organisation.
    Organisation(Slug),
    /// Part of it belongs to a workspace: to its members, not to its organisation.
    Workspace,
    /// It is a shared bucket without any part yet.
    Unassigned,
    /// It was that of a person who was erased.
    Erased,
}

/// What the registry knows about the buckets that an access key opens.
#[derive(Clone, Debug, Default)]
pub struct KnownBuckets {
    /// A bucket under the key's prefix that has a tenant, if the key opens all buckets under it.
    pub under_prefix: Option<String>,
    /// Each bucket that the key names, with its tenants.
    pub named: Vec<(BucketName, Vec<BucketTenant>)>,
}

/// A bucket, if there is one, that the key opens and that belongs or could belong to someone other than
/// the key's owner.
#[must_use]
pub fn bucket_of_others(
    formula: &BucketFormula,
    key: &AccessKey,
    known: &KnownBuckets,
) -> Option<String> {
    let prefix = key.rights.prefix.as_ref();
    if let Some(prefix) = prefix.filter(|_| key.rights.reaches_all()) {
        // The formula may have changed since the key was made.
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

fn is_owners(owner: &AccessKeyOwner, tenant: &BucketTenant) -> bool {
    match (owner, tenant) {
        (AccessKeyOwner::Principal(owner), BucketTenant::Principal(tenant)) => owner == tenant,
        (AccessKeyOwner::Subject(owner), BucketTenant::Principal(tenant)) => {
            tenant.is_person(owner)
        }
        (AccessKeyOwner::Organisation(owner), BucketTenant::Organisation(tenant)) => {
            owner == tenant
        }
        _ => false,
    }
}
