use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use moka::Expiry;
use moka::future::Cache;
use sha2::Sha256;

use crate::domain::{AccessToken, Scope, TokenRules, UnverifiedClaims};
use crate::service::{Clock, Introspection, Randomness, UpstreamError};

use super::{Question, WaitingPlaces};

/// What the cache itself takes for one answer beside it, in bytes: the key, the places in its lists
/// and in its timer.
const ENTRY_BYTES: usize = 512;

/// An answer "inactive" is kept for this part of the time that "active" is: long enough to blunt
/// a loop, short enough that a token just issued works soon.
const NEGATIVE_SHARE: u32 = 5;

/// Introspection that remembers answers for `oauth.introspection_cache`, and asks once for a token
/// that many requests bring at the same time.
///
/// Tokens are kept as HMAC-SHA-256 under a key of this process, never past their `exp`; failures
/// are not kept. A request that finds no answer here takes one of the places for those that wait for
/// the authorization server.
pub struct CachedIntrospection {
    inner: Arc<dyn Introspection>,
    clock: Arc<dyn Clock>,
    answers: Cache<[u8; 32], Answer>,
    keyed: Hmac<Sha256>,
    settings: CacheSettings,
}

/// What the configuration says about remembering answers.
#[derive(Clone, Debug)]
pub struct CacheSettings {
    /// How long an active token's answer is kept; zero asks every time.
    pub keep: Duration,
    /// How much memory all answers together may take, in bytes.
    pub max_bytes: u64,
    /// What tokens are checked by: nothing else of an answer is kept.
    pub rules: TokenRules,
    /// The scopes that are asked for.
    pub scopes: Vec<Scope>,
    /// How many requests may wait for answers.
    pub places: WaitingPlaces,
}

#[derive(Clone)]
struct Answer {
    claims: Arc<UnverifiedClaims>,
    keep: Duration,
}

struct KeepAsLongAsItSays;

impl CachedIntrospection {
    /// Remembers the inner introspection's answers.
    ///
    /// # Errors
    ///
    /// None in practice: HMAC takes a key of any length.
    pub fn new(
        inner: Arc<dyn Introspection>,
        clock: Arc<dyn Clock>,
        randomness: &dyn Randomness,
        settings: CacheSettings,
    ) -> Result<Self, hmac::digest::InvalidLength> {
        let key = [randomness.bits(), randomness.bits()].concat();
        Ok(Self {
            inner,
            clock,
            answers: Cache::builder()
                .max_capacity(settings.max_bytes)
                .weigher(|_, answer: &Answer| answer.bytes())
                .expire_after(KeepAsLongAsItSays)
                .build(),
            keyed: Hmac::new_from_slice(&key)?,
            settings,
        })
    }

    async fn ask(&self, token: &AccessToken) -> Result<Answer, UpstreamError> {
        let claims = self.inner.introspect(token).await?;
        let CacheSettings { rules, scopes, .. } = &self.settings;
        let claims = Arc::new(Arc::unwrap_or_clone(claims).compact(rules, scopes));
        let keep = self.keep(&claims);
        Ok(Answer { claims, keep })
    }

    fn keep(&self, claims: &UnverifiedClaims) -> Duration {
        if !claims.active {
            return self.settings.keep / NEGATIVE_SHARE;
        }
        let left = claims
            .exp
            .map(|exp| (exp - self.clock.now()).to_std().unwrap_or_default());
        left.map_or(self.settings.keep, |left| left.min(self.settings.keep))
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
    ) -> Result<Arc<UnverifiedClaims>, UpstreamError> {
        let key = self.key(token);
        let question = Question::Token(key);
        if self.settings.keep.is_zero() {
            let _place = self.settings.places.take(question)?;
            return self.inner.introspect(token).await;
        }
        if let Some(answer) = self.answers.get(&key).await {
            return Ok(answer.claims);
        }
        let _place = self.settings.places.take(question)?;
        let answer = self.answers.try_get_with(key, self.ask(token)).await;
        answer
            .map(|answer| answer.claims)
            .map_err(|failure| failure.as_ref().clone())
    }
}

impl Answer {
    /// What keeping it takes.
    fn bytes(&self) -> u32 {
        let claims = size_of::<UnverifiedClaims>() + self.claims.heap_bytes();
        u32::try_from(claims + ENTRY_BYTES).unwrap_or(u32::MAX)
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
    use crate::domain::TokenRules;
    use crate::service::UpstreamErrorKind;

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> DateTime<Utc> {
            DateTime::from_timestamp(1_800_000_000, 0).unwrap()
        }
    }

    struct Counting {
        asked: AtomicUsize,
        answer: Result<UnverifiedClaims, UpstreamError>,
    }

    #[async_trait]
    impl Introspection for Counting {
        async fn introspect(
            &self,
            _: &AccessToken,
        ) -> Result<Arc<UnverifiedClaims>, UpstreamError> {
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
        answer: Result<UnverifiedClaims, UpstreamError>,
        keep: Duration,
    ) -> (Arc<Counting>, CachedIntrospection) {
        let inner = Arc::new(Counting {
            asked: AtomicUsize::new(0),
            answer,
        });
        let settings = settings(keep);
        let cached =
            CachedIntrospection::new(inner.clone(), Arc::new(Noon), &OsRandomness, settings);
        (inner, cached.unwrap())
    }

    fn settings(keep: Duration) -> CacheSettings {
        let rules = TokenRules {
            issuer: "https://as.example".to_owned(),
            audience: None,
        };
        let scopes = Vec::new();
        CacheSettings {
            keep,
            max_bytes: 1024 * 1024,
            rules,
            scopes,
            places: WaitingPlaces::new(40),
        }
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
        let failure = UpstreamError::new(UpstreamErrorKind::Nonsense, "x");
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

    /// Active, with so many memberships, all of them used.
    fn member_of(workspaces: usize) -> UnverifiedClaims {
        let words = (0..workspaces).map(|at| format!("acme/workspace-{at}"));
        UnverifiedClaims {
            memberships: Some(words.collect()),
            ..active(None)
        }
    }

    async fn fill(answer: UnverifiedClaims, tokens: usize) -> CachedIntrospection {
        let (_, cached) = cached(Ok(answer), TEN_SECONDS);
        for at in 0..tokens {
            cached.introspect(&token(&format!("t{at}"))).await.unwrap();
        }
        cached.answers.run_pending_tasks().await;
        cached
    }

    #[tokio::test]
    async fn answers_are_bounded_in_bytes() {
        let max_bytes = settings(TEN_SECONDS).max_bytes;
        // About 60 kB each.
        let cached = fill(member_of(1_000), 100).await;
        let held = cached
            .answers
            .iter()
            .map(|(_, answer)| answer.claims.heap_bytes());
        let held = held.sum::<usize>() as u64;
        assert!(held > max_bytes / 2 && held <= max_bytes, "{held}");
        // Nobody's own is kept for all the others.
        let cached = fill(active(None), 3_000).await;
        let kept = cached.answers.entry_count();
        assert!(
            kept > 1_000 && kept * (ENTRY_BYTES as u64) < max_bytes,
            "{kept}"
        );
    }

    #[tokio::test]
    async fn only_requests_without_an_answer_take_a_place() {
        let (inner, mut cached) = cached(Ok(active(None)), TEN_SECONDS);
        cached.introspect(&token("known")).await.unwrap();
        cached.settings.places = WaitingPlaces::new(1);
        let taken = cached.settings.places.clone();
        let taken = taken.take(Question::Keys).unwrap();
        assert!(cached.introspect(&token("known")).await.is_ok());
        let crowded = cached.introspect(&token("new")).await.err().unwrap();
        assert_eq!(crowded.kind, UpstreamErrorKind::Busy);
        assert_eq!(inner.asked.load(Ordering::SeqCst), 1);
        drop(taken);
        assert!(cached.introspect(&token("new")).await.is_ok());
    }
}
