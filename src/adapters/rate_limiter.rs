use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use crate::domain::OwnerDigest;
use crate::service::RateLimiter;

/// An allowance: `20/s burst 100` is 20 calls a second and 100 at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    per_second: NonZeroU32,
    burst: NonZeroU32,
}

/// Not of the form `<calls>/s burst <calls>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected '<calls>/s burst <calls>', for example '20/s burst 100', both at least 1")]
pub struct InvalidRateLimit;

/// Counts the calls of each owner in this process.
pub struct OwnerRateLimiter {
    limiter: DefaultKeyedRateLimiter<OwnerDigest>,
    clock: DefaultClock,
}

impl FromStr for RateLimit {
    type Err = InvalidRateLimit;

    fn from_str(text: &str) -> Result<Self, InvalidRateLimit> {
        let (rate, burst) = text.split_once(" burst ").ok_or(InvalidRateLimit)?;
        let per_second = rate.trim().strip_suffix("/s").ok_or(InvalidRateLimit)?;
        Ok(Self {
            per_second: per_second.parse().map_err(|_| InvalidRateLimit)?,
            burst: burst.trim().parse().map_err(|_| InvalidRateLimit)?,
        })
    }
}

impl RateLimit {
    /// How many calls are allowed at once.
    #[must_use]
    pub fn burst(self) -> u32 {
        self.burst.get()
    }
}

impl OwnerRateLimiter {
    /// The same allowance for every owner.
    #[must_use]
    pub fn new(limit: RateLimit) -> Self {
        let quota = Quota::per_second(limit.per_second).allow_burst(limit.burst);
        Self {
            limiter: DefaultKeyedRateLimiter::keyed(quota),
            clock: DefaultClock::default(),
        }
    }

    /// Forgets the owners whose allowance is full again, so that memory follows the owners that
    /// are busy and not those that were ever seen.
    pub fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

impl RateLimiter for OwnerRateLimiter {
    fn take(&self, owner: &OwnerDigest) -> Result<(), Duration> {
        self.limiter
            .check_key(owner)
            .map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BucketFormula, ClientId, Owner, Principal, Subject};

    fn digest(subject: &str) -> OwnerDigest {
        BucketFormula::default().digest(&Owner::Principal(Principal {
            client_id: ClientId::parse("demo").unwrap(),
            subject: Subject::parse(subject).unwrap(),
        }))
    }

    #[test]
    fn the_form_is_rate_and_burst() {
        let limit: RateLimit = "20/s burst 100".parse().unwrap();
        assert_eq!((limit.per_second.get(), limit.burst.get()), (20, 100));
        for bad in [
            "",
            "20",
            "20/s",
            "0/s burst 1",
            "1/s burst 0",
            "20/m burst 1",
            "-1/s burst 1",
        ] {
            assert_eq!(bad.parse::<RateLimit>(), Err(InvalidRateLimit), "{bad}");
        }
    }

    #[test]
    fn one_owners_calls_do_not_spend_anothers_allowance() {
        let limiter = OwnerRateLimiter::new("1/s burst 2".parse().unwrap());
        let (alice, bob) = (digest("alice"), digest("bob"));
        assert_eq!(
            (limiter.take(&alice), limiter.take(&alice)),
            (Ok(()), Ok(()))
        );
        let wait = limiter.take(&alice).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1));
        assert_eq!(limiter.take(&bob), Ok(()));
    }

    #[test]
    fn idle_owners_are_forgotten() {
        let limiter = OwnerRateLimiter::new("1000/s burst 1000".parse().unwrap());
        for i in 0..100 {
            limiter.take(&digest(&i.to_string())).unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
        limiter.forget_idle();
        assert_eq!(limiter.limiter.len(), 0);
    }
}
