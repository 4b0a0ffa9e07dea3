use std::collections::HashMap;
use std::io;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use chrono::{DateTime, Utc};
use s3s::auth::SecretKey;
use s3s::{S3Result, s3_error};

use crate::embedded::clock::{Clock, now};
use crate::embedded::random::{aws_id, hex_digits};
use crate::embedded::storage::policy::Policy;

/// How long an expired session is remembered, so that its client is told "expired" and not
/// "unknown".
const REMEMBERED: Duration = Duration::from_mins(10);

/// The sessions that the store opened, by access key id.
pub(crate) struct Sessions {
    clock: Clock,
    open: RwLock<HashMap<String, Session>>,
}

/// A session as the store keeps it.
struct Session {
    secret: SecretKey,
    token: String,
    identity: SessionIdentity,
    ends: Instant,
}

/// What policies are asked about a session.
#[derive(Clone)]
pub(crate) struct SessionIdentity {
    /// Its session policy, if it has one.
    pub(crate) policy: Option<Policy>,
    /// `aws:userid`: a role's id and the session's name.
    pub(crate) user_id: String,
    /// `aws:TokenIssueTime`
    pub(crate) issued: DateTime<Utc>,
}

/// A session as the caller of `AssumeRole` gets it.
pub(crate) struct NewSession {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
    pub(crate) expiration: DateTime<Utc>,
}

impl Sessions {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            open: RwLock::default(),
        }
    }

    pub(crate) fn open(
        &self,
        name: &str,
        policy: Option<Policy>,
        duration: Duration,
    ) -> io::Result<NewSession> {
        let new = NewSession {
            access_key_id: aws_id("ASIA")?,
            secret_access_key: hex_digits(20)?,
            session_token: hex_digits(48)?,
            expiration: self.clock.now() + duration,
        };
        let session = Session {
            secret: SecretKey::from(new.secret_access_key.clone()),
            token: new.session_token.clone(),
            identity: SessionIdentity {
                policy,
                user_id: format!("AROACLOAKROOM:{name}"),
                issued: now(),
            },
            ends: self.clock.instant() + duration,
        };
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.len().is_power_of_two() {
            let now = self.clock.instant();
            open.retain(|_, session| session.ends + REMEMBERED > now);
        }
        open.insert(new.access_key_id.clone(), session);
        Ok(new)
    }

    pub(crate) fn secret_key(&self, access_key_id: &str) -> Option<SecretKey> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        Some(open.get(access_key_id)?.secret.clone())
    }

    /// The session to which both this access key and this session token belong.
    pub(crate) fn identity(
        &self,
        access_key_id: &str,
        token: Option<&str>,
    ) -> S3Result<SessionIdentity> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let session = open
            .get(access_key_id)
            .ok_or_else(|| s3_error!(InvalidAccessKeyId))?;
        let sent = token.ok_or_else(|| s3_error!(AccessDenied, "A session token is required"))?;
        verify_slices_are_equal(sent.as_bytes(), session.token.as_bytes())
            .map_err(|_| s3_error!(InvalidToken))?;
        if session.ends <= self.clock.instant() {
            return Err(s3_error!(ExpiredToken));
        }
        Ok(session.identity.clone())
    }
}
