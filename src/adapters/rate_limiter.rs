use std::hash::Hash;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use crate::domain::OwnerDigest;
use crate::service::{RateLimitError, RateLimiter};

/// A rate limit: `20/s burst 100` allows 20 calls a second, and 100 at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    per_second: NonZeroU32,
    burst: NonZeroU32,
}

/// The text is not of the form `<calls>/s burst <calls>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected '<calls>/s burst <calls>', for example '20/s burst 100', both at least 1")]
pub struct InvalidRateLimit;

/// Idle keys are forgotten after this number of calls. This bounds memory although one client may call
/// from any number of addresses.
const FORGET_AFTER: u32 = 4_096;

/// Limits the calls of each owner, caller or client in this process.
pub struct KeyedRateLimiter<Key: Clone + Eq + Hash> {
    limiter: DefaultKeyedRateLimiter<Key>,
    clock: DefaultClock,
    permitted: u32,
    calls: AtomicU32,
}

/// Limits the calls of each owner in this process.
pub type OwnerRateLimiter = KeyedRateLimiter<OwnerDigest>;

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

impl<Key: Clone + Eq + Hash> KeyedRateLimiter<Key> {
    /// Applies the same limit to every key.
    #[must_use]
    pub fn new(limit: RateLimit) -> Self {
        let quota = Quota::per_second(limit.per_second).allow_burst(limit.burst);
        Self {
            limiter: DefaultKeyedRateLimiter::keyed(quota),
            clock: DefaultClock::default(),
            permitted: limit.burst.get(),
            calls: AtomicU32::new(0),
        }
    }

    /// Forgets the keys whose allowance is full again, so that memory depends on the busy keys only.
    pub fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

impl<Key: Clone + Eq + Hash + Send + Sync> RateLimiter<Key> for KeyedRateLimiter<Key> {
    fn take(&self, key: &Key) -> Result<(), RateLimitError> {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        if calls % FORGET_AFTER == FORGET_AFTER - 1 {
            self.limiter.retain_recent();
        }
        self.limiter
            .check_key(key)
            .map_err(|not_until| RateLimitError {
                retry_after: not_until.wait_time_from(self.clock.now()),
                permitted: self.permitted,
            })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use super::*;
    use crate::domain::ClientNetwork;
    use crate::domain::{BucketFormula, ClientId, Owner, Principal, Subject};

    fn digest(subject: &str) -> OwnerDigest {
        BucketFormula::default().digest(&Owner::Principal(Principal {
            issuer: None,
            client_id: ClientId::parse("demo").unwrap(),
            subject: Subject::parse(subject).unwrap(),
        }))
    }

    #[test]
    fn parses_rate_and_burst() {
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
    fn owners_have_separate_allowances() {
        let limiter = OwnerRateLimiter::new("1/s burst 2".parse().unwrap());
        let (alice, bob) = (digest("alice"), digest("bob"));
        assert_eq!(
            (limiter.take(&alice), limiter.take(&alice)),
            (Ok(()), Ok(()))
        );
        let spent = limiter.take(&alice).unwrap_err();
        assert_eq!(spent.permitted, 2);
        let wait = spent.retry_after;
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

    #[test]
    fn memory_is_bounded_for_any_number_of_addresses() {
        let limit = "1000000/s burst 10".parse().unwrap();
        let limiter = KeyedRateLimiter::<ClientNetwork>::new(limit);
        for address in 0..50_000 {
            let address = IpAddr::V4(Ipv4Addr::from_bits(address));
            limiter.take(&address.into()).unwrap();
        }
        let kept = limiter.limiter.len();
        assert!(kept <= 2 * FORGET_AFTER as usize, "{kept}");
    }
}
