use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use moka::Expiry;
use moka::future::Cache;
use sha2::Sha256;

use crate::domain::{AccessToken, UnverifiedClaims};
use crate::service::{Clock, Introspection, Randomness, UpstreamFailure};

/// How many answers are kept, so that memory does not grow with the tokens seen.
const CAPACITY: u64 = 20_000;

/// An answer "inactive" is kept for this part of the time that "active" is: long enough to blunt
/// a loop, short enough that a token just issued works soon.
const NEGATIVE_SHARE: u32 = 5;

/// Introspection that remembers answers for `oauth.introspection_cache`, and asks once for a token
/// that many requests bring at the same time.
///
/// Tokens are kept as HMAC-SHA-256 under a key of this process, never past their `exp`; failures
/// are not kept.
pub struct CachedIntrospection {
    inner: Arc<dyn Introspection>,
    clock: Arc<dyn Clock>,
    answers: Cache<[u8; 32], Answer>,
    keyed: Hmac<Sha256>,
    positive: Duration,
}

#[derive(Clone)]
struct Answer {
    claims: Arc<UnverifiedClaims>,
    keep: Duration,
}

struct KeepAsLongAsItSays;

impl CachedIntrospection {
    /// Remembers the inner introspection's answers for so long; zero asks every time.
    ///
    /// # Errors
    ///
    /// None in practice: HMAC takes a key of any length.
    pub fn new(
        inner: Arc<dyn Introspection>,
        clock: Arc<dyn Clock>,
        randomness: &dyn Randomness,
        positive: Duration,
    ) -> Result<Self, hmac::digest::InvalidLength> {
        let key = [randomness.bits(), randomness.bits()].concat();
        Ok(Self {
            inner,
            clock,
            answers: Cache::builder()
                .max_capacity(CAPACITY)
                .expire_after(KeepAsLongAsItSays)
                .build(),
            keyed: Hmac::new_from_slice(&key)?,
            positive,
        })
    }

    async fn ask(&self, token: &AccessToken) -> Result<Answer, UpstreamFailure> {
        let claims = self.inner.introspect(token).await?;
        let keep = self.keep(&claims);
        Ok(Answer { claims, keep })
    }

    fn keep(&self, claims: &UnverifiedClaims) -> Duration {
        if !claims.active {
            return self.positive / NEGATIVE_SHARE;
        }
        let left = claims
            .exp
            .map(|exp| (exp - self.clock.now()).to_std().unwrap_or_default());
        left.map_or(self.positive, |left| left.min(self.positive))
    }

    fn key(&self, token: &AccessToken) -> [u8; 32] {
        let mac = self.keyed.clone().chain_update(token.expose());
        mac.finalize().into_bytes().into()
    }
}

#[async_trait]
impl Introspection for CachedIntrospection {
    async fn introspect(
        &self,
        token: &AccessToken,
    ) -> Result<Arc<UnverifiedClaims>, UpstreamFailure> {
        if self.positive.is_zero() {
            return self.inner.introspect(token).await;
        }
        let answer = self
            .answers
            .try_get_with(self.key(token), self.ask(token))
            .await;
        answer
            .map(|answer| answer.claims)
            .map_err(|failure| failure.as_ref().clone())
    }
}

impl Expiry<[u8; 32], Answer> for KeepAsLongAsItSays {
    fn expire_after_create(&self, _: &[u8; 32], answer: &Answer, _: Instant) -> Option<Duration> {
        Some(answer.keep)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;
    use crate::adapters::OsRandomness;
    use crate::service::FailureKind;

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> DateTime<Utc> {
            DateTime::from_timestamp(1_800_000_000, 0).unwrap()
        }
    }

    struct Counting {
        asked: AtomicUsize,
        answer: Result<UnverifiedClaims, UpstreamFailure>,
    }

    #[async_trait]
    impl Introspection for Counting {
        async fn introspect(
            &self,
            _: &AccessToken,
        ) -> Result<Arc<UnverifiedClaims>, UpstreamFailure> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.answer.clone().map(Arc::new)
        }
    }

    fn active(exp: Option<DateTime<Utc>>) -> UnverifiedClaims {
        UnverifiedClaims {
            active: true,
            exp,
            ..UnverifiedClaims::default()
        }
    }

    fn cached(
        answer: Result<UnverifiedClaims, UpstreamFailure>,
        keep: Duration,
    ) -> (Arc<Counting>, CachedIntrospection) {
        let inner = Arc::new(Counting {
            asked: AtomicUsize::new(0),
            answer,
        });
        let cached =
            CachedIntrospection::new(inner.clone(), Arc::new(Noon), &OsRandomness, keep).unwrap();
        (inner, cached)
    }

    fn token(text: &str) -> AccessToken {
        AccessToken::parse(text).unwrap()
    }

    const TEN_SECONDS: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn many_at_once_ask_once_and_another_token_asks_again() {
        let (inner, cached) = cached(Ok(active(None)), TEN_SECONDS);
        let alice = token("alice");
        let answers = (0..20).map(|_| cached.introspect(&alice));
        assert!(
            futures_util::future::join_all(answers)
                .await
                .iter()
                .all(Result::is_ok)
        );
        assert_eq!(inner.asked.load(Ordering::SeqCst), 1);
        cached.introspect(&token("bob")).await.unwrap();
        assert_eq!(inner.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn zero_asks_every_time() {
        let (inner, cached) = cached(Ok(active(None)), Duration::ZERO);
        cached.introspect(&token("a")).await.unwrap();
        cached.introspect(&token("a")).await.unwrap();
        assert_eq!(inner.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let failure = UpstreamFailure::new(FailureKind::Nonsense, "x");
        let (inner, cached) = cached(Err(failure), TEN_SECONDS);
        assert!(cached.introspect(&token("a")).await.is_err());
        assert!(cached.introspect(&token("a")).await.is_err());
        assert_eq!(inner.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn an_answer_is_not_kept_past_exp_and_a_negative_one_shorter() {
        let (_, cached) = cached(Ok(active(None)), TEN_SECONDS);
        let claims = |active, exp| UnverifiedClaims {
            active,
            exp,
            ..UnverifiedClaims::default()
        };
        assert_eq!(cached.keep(&claims(true, None)), TEN_SECONDS);
        let soon = Noon.now() + TimeDelta::seconds(3);
        assert_eq!(
            cached.keep(&claims(true, Some(soon))),
            Duration::from_secs(3)
        );
        let past = Noon.now() - TimeDelta::seconds(3);
        assert_eq!(cached.keep(&claims(true, Some(past))), Duration::ZERO);
        assert_eq!(cached.keep(&claims(false, None)), Duration::from_secs(2));
    }
}
