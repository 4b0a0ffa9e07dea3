use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::KeyPair;

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

impl From<&KeyPair> for Session {
    /// A pair is a session without a token and without an end.
    fn from(pair: &KeyPair) -> Self {
        Self {
            access_key_id: pair.access_key_id.clone(),
            secret_access_key: pair.secret_access_key.clone(),
            session_token: SecretString::default(),
            expiration: DateTime::<Utc>::MAX_UTC,
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("access_key_id", &self.access_key_id)
            .field("expiration", &self.expiration)
            .finish_non_exhaustive()
    }
}
