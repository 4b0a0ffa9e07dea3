use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

/// Temporary credentials for one grant, as the store issued them.
#[derive(Clone)]
pub struct Session {
    /// Names the session in the store's logs and in the audit trail; no secret.
    pub access_key_id: String,
    /// Signs requests.
    pub secret_access_key: SecretString,
    /// Goes with every request.
    pub session_token: SecretString,
    /// The store's own end of the session.
    pub expiration: DateTime<Utc>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("access_key_id", &self.access_key_id)
            .field("expiration", &self.expiration)
            .finish_non_exhaustive()
    }
}
