use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use super::KeyPair;

/// How much later than asked for a session may end, because clocks differ (docs/call.md).
const TOLERANCE: TimeDelta = TimeDelta::seconds(60);

/// Temporary credentials for one grant, as the store issued them.
#[derive(Clone)]
pub struct Session {
    /// Names the session in the store's logs and in the audit trail. It is no secret.
    pub access_key_id: String,
    /// Signs requests.
    pub secret_access_key: SecretString,
    /// Accompanies every request.
    pub session_token: SecretString,
    /// When the session ends, as the store says.
    pub expiration: DateTime<Utc>,
}

impl Session {
    /// How long the session lasts, if that is longer than `asked` from `asked_at`. A minute more is
    /// allowed, because clocks differ.
    #[must_use]
    pub fn overlong(&self, asked: Duration, asked_at: DateTime<Utc>) -> Option<TimeDelta> {
        let asked = TimeDelta::from_std(asked).unwrap_or(TimeDelta::MAX);
        let lasts = self.expiration - asked_at;
        (lasts > asked.checked_add(&TOLERANCE).unwrap_or(TimeDelta::MAX)).then_some(lasts)
    }
}

impl From<&KeyPair> for Session {
    /// Treats a pair as a session without a token and without an end.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_overlong_from_a_minute_more_than_was_asked_for() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let asked = Duration::from_mins(15);
        let lasting = |seconds| Session {
            access_key_id: String::new(),
            secret_access_key: SecretString::default(),
            session_token: SecretString::default(),
            expiration: now + TimeDelta::seconds(seconds),
        };
        for (seconds, overlong) in [
            (1, None),
            (900, None),
            (960, None),
            (961, Some(961)),
            (43_200, Some(43_200)),
        ] {
            let lasts = lasting(seconds).overlong(asked, now);
            assert_eq!(lasts.map(|lasts| lasts.num_seconds()), overlong);
        }
    }
}
