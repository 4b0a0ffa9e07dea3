use std::fmt;

use chrono::{DateTime, Utc};

use crate::domain::{BucketName, Owner};

use super::end::{Ended, Strength};

/// What a revocation did.
#[derive(Clone, Debug)]
pub struct RevocationReport {
    /// How many sessions were out, by the audit trail.
    pub sessions: usize,
    /// In whose storage sessions were ended.
    pub storage: Vec<RevokedStorage>,
}

/// One owner's storage in which sessions were ended.
#[derive(Clone, Debug)]
pub struct RevokedStorage {
    /// The owner.
    pub owner: Owner,
    /// The bucket.
    pub bucket: BucketName,
    /// How many sessions were out.
    pub sessions: usize,
    /// What was done.
    pub ended: Ended,
    /// When.
    pub ended_at: DateTime<Utc>,
}

impl RevocationReport {
    /// How strong the weakest part is.
    #[must_use]
    pub fn strength(&self) -> Strength {
        let strengths = self.storage.iter().map(|storage| storage.ended.strength);
        let weakest = strengths.max_by_key(|strength| match strength {
            Strength::Immediate => (0, None),
            Strength::Within(_) => (1, None),
            Strength::AtExpiry { at, .. } => (2, Some(*at)),
        });
        weakest.unwrap_or(Strength::Immediate)
    }
}

impl fmt::Display for RevocationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sessions = self.sessions;
        write!(f, "{sessions} sessions, {}", self.strength())
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Immediate => f.write_str("immediate"),
            Self::Within(time) => write!(f, "within {} minutes", time.as_secs().div_ceil(60)),
            Self::AtExpiry { at, .. } => write!(f, "at expiry, {}", at.format("%H:%M")),
        }
    }
}
