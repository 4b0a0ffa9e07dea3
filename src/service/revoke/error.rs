use crate::domain::{AccessKeyId, BucketName};
use crate::service::{Refusal, RegistryError, UpstreamError};

/// Why sessions were not revoked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RevokeError {
    /// No live session has this access key id.
    #[error(
        "no live session has the access key id {0}: it has expired, or is another deployment's; the \
         pairs of access keys (ak_…) end with cloakroom access-key disable"
    )]
    NoSuchSession(String),
    /// Another process is telling the store about the bucket.
    #[error("another revocation is telling the store about the bucket {0}: try again")]
    Locked(BucketName),
    /// The owner is an access key.
    #[error(
        "{0} is an access key, which has pairs and not sessions: cloakroom access-key disable ends them"
    )]
    AccessKey(AccessKeyId),
    /// Another revocation for the same caller is under way.
    #[error("another revocation for the same caller is under way")]
    UnderWay,
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store failed.
    #[error("store: {0}")]
    Store(#[from] UpstreamError),
}

impl From<RevokeError> for Refusal {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::Registry(error) => error.into(),
            RevokeError::Store(failure) => Self::Store(failure),
            RevokeError::Locked(_) | RevokeError::UnderWay => Self::Overloaded,
            RevokeError::NoSuchSession(_) | RevokeError::AccessKey(_) => {
                Self::Internal(error.to_string())
            }
        }
    }
}
