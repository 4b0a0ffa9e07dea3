use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::{Builder, Uuid};

/// The id of one request. It is in the answer's `X-Request-Id` and `instance`, in the log, in the audit
/// trail and, as part of the role session name, in the store's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

impl RequestId {
    /// Makes a version 7 UUID (RFC 9562 section 5.7) from the time and random bits. Ids that begin with
    /// the time stay together in the audit trail's index; random ones would be all over it, which
    /// makes each insert slower.
    #[must_use]
    pub fn at(time: DateTime<Utc>, bits: [u8; 16]) -> Self {
        let milliseconds = u64::try_from(time.timestamp_millis()).unwrap_or_default();
        // The six bits that version 7 fixes in these bytes are those that a generator of version 4 has
        // fixed, so all the others are random.
        let [_, _, _, _, _, _, random @ ..] = bits;
        Self(Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid())
    }

    /// Makes a version 4 UUID (RFC 9562 section 5.4) from random bits, for a session that the audit
    /// trail does not have.
    #[must_use]
    pub fn from_random(bits: [u8; 16]) -> Self {
        Self(Builder::from_random_bytes(bits).into_uuid())
    }

    /// When the request came, in whole milliseconds; the epoch for an id that does not begin with the
    /// time.
    #[must_use]
    pub fn time(&self) -> DateTime<Utc> {
        let time = self
            .0
            .get_timestamp()
            .filter(|_| self.0.get_version_num() == 7);
        let (seconds, nanoseconds) = time.map_or((0, 0), |time| time.to_unix());
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        DateTime::from_timestamp(seconds, nanoseconds).unwrap_or_default()
    }

    /// The 32 hex digits without hyphens.
    #[must_use]
    pub fn digits(&self) -> String {
        self.0.simple().to_string()
    }

    /// `urn:uuid:…` (RFC 9562 section 4).
    #[must_use]
    pub fn urn(&self) -> String {
        self.0.urn().to_string()
    }
}

impl FromStr for RequestId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str, byte: u8) -> RequestId {
        RequestId::at(time.parse().unwrap(), [byte; 16])
    }

    #[test]
    fn ids_sort_by_their_time() {
        let earlier = at("2026-11-26T05:59:59.999Z", 0xff);
        let later = at("2026-11-26T06:00:00Z", 0);
        assert!(earlier.to_string() < later.to_string());
    }

    #[test]
    fn an_id_tells_its_time() {
        let id = at("2026-11-26T05:59:59.999Z", 0xff);
        assert_eq!(id.time().to_rfc3339(), "2026-11-26T05:59:59.999+00:00");
        assert_eq!(RequestId::from_random([7; 16]).time(), DateTime::UNIX_EPOCH);
    }

    #[test]
    fn an_id_is_a_version_7_uuid() {
        // The time of RFC 9562 appendix A.6.
        let id = at("2022-02-22T19:22:22Z", 0xff);
        assert_eq!(id.to_string(), "017f22e2-79b0-7fff-bfff-ffffffffffff");
        let before_the_epoch = at("1969-12-31T23:59:59Z", 0);
        assert_eq!(
            before_the_epoch.to_string(),
            "00000000-0000-7000-8000-000000000000"
        );
    }
}
