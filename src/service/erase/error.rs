use crate::domain::{AccessKeyId, BucketName, Owner};
use crate::service::{AdministerError, RegistryError, UpstreamError};

use super::Place;

/// Why an erasure did not begin, or stopped. Started again, it goes on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EraseError {
    /// Nothing has this name.
    #[error(transparent)]
    Administer(#[from] AdministerError),
    /// The registry has never had anything of this owner.
    #[error(
        "nothing is known of {0}: check the name (cloakroom bucket show, cloakroom audit --owner)"
    )]
    Unknown(Owner),
    /// Access keys have no storage.
    #[error("{0} has no storage of its own: cloakroom access-key delete ends it")]
    NoStorage(Owner),
    /// Key pairs without an end could write on.
    #[error(
        "access keys of the owner still exist: {}: delete them first (cloakroom access-key delete), and \
         wait until the gateway has ended their pairs", list(.0)
    )]
    AccessKeys(Vec<AccessKeyId>),
    /// The store's bucket is not this deployment's.
    #[error(
        "the bucket {0} is another account's or another deployment's: nothing of it was deleted \
         (cloakroom bucket show)"
    )]
    NotOurs(BucketName),
    /// New objects appear as fast as they are deleted.
    #[error(
        "{0} is still written to: something else than this deployment's sessions has access to it; find \
         it, then run the command again"
    )]
    Restless(Place),
    /// The owner could not be kept out.
    #[error("the owner could not be kept out: {0}")]
    Freezer(String),
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store failed.
    #[error("store: {0}")]
    Store(#[from] UpstreamError),
}

fn list(keys: &[AccessKeyId]) -> String {
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    keys.join(", ")
}
