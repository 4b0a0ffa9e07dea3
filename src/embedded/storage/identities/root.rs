use std::fmt::{self, Debug, Formatter};
use std::io;

use crate::embedded::random::{aws_id, hex_digits};

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
            access_key_id: aws_id("AKIA")?,
            secret_access_key: hex_digits(20)?,
        })
    }
}

impl Debug for RootIdentity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootIdentity").finish_non_exhaustive()
    }
}
