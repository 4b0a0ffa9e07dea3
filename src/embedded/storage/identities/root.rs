use std::io;

use crate::embedded::random::hex_digits;

/// The root of the store, which may do everything. Its access key is new at each start.
#[derive(Clone)]
pub struct RootIdentity {
    /// The id of its access key.
    pub access_key_id: String,
    /// The secret of its access key.
    pub secret_access_key: String,
}

impl RootIdentity {
    pub(crate) fn generate() -> io::Result<Self> {
        Ok(Self {
            access_key_id: format!("AKIA{}", hex_digits(8)?.to_uppercase()),
            secret_access_key: hex_digits(20)?,
        })
    }
}

impl std::fmt::Debug for RootIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RootIdentity").finish_non_exhaustive()
    }
}
