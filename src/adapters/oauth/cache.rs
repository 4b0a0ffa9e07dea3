use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use moka::Expiry;
use moka::future::Cache;
use sha2::Sha256;

use crate::domain::{AccessToken, Scope, TokenRules, UnverifiedClaims};
use crate::service::{Clock, Introspection, Randomness, UpstreamError};

use super::{InFlightLimit, Lookup};

/// The cache's overhead for one answer, in bytes: the key and the entries in its lists and timer.
const ENTRY_BYTES: usize = 512;

/// An inactive token's answer is kept for a fifth of the time of an active one's: long enough to slow
/// down a client in a loop, short enough that a token works soon after it is issued.
const NEGATIVE_DIVISOR: u32 = 5;

/// Introspection that caches answers for `oauth.introspection_cache`, and sends one request for a token
/// that several requests present at the same time.
///
/// The cache holds tokens as HMAC-SHA-256 under a key of this process, never past their `exp`, and no
/// failures. A request whose token is not cached counts towards the limit of requests that wait for the
/// authorization server.
pub struct CachedIntrospection {
    inner: Arc<dyn Introspection>,
    clock: Arc<dyn Clock>,
    answers: Cache<[u8; 32], Answer>,
    mac: Hmac<Sha256>,
    settings: CacheSettings,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// The cache's settings.
#[derive(Clone, Debug)]
pub struct CacheSettings {
    /// How long an active token's answer is kept; zero disables the cache.
    pub keep: Duration,
    /// The memory for all answers together, in bytes.
    pub max_bytes: u64,
    /// The rules that tokens are checked by; no other claims are kept.
    pub rules: TokenRules,
    /// The scopes that routes require; no others are kept.
    pub scopes: Vec<Scope>,
    /// The limit of requests that wait for the authorization server.
    pub in_flight: InFlightLimit,
}

#[derive(Clone)]
struct Answer {
    claims: Arc<UnverifiedClaims>,
    keep: Duration,
}

struct ExpiryOfAnswer;

impl CachedIntrospection {
    /// Caches the answers of `inner`.
    ///
    /// # Errors
    ///
    /// Never in practice: HMAC accepts keys of any length.
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
                .expire_after(ExpiryOfAnswer)
                .build(),
            mac: Hmac::new_from_slice(&key)?,
            settings,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        })
    }

    /// How many requests found their token's answer, and how many did not.
    #[must_use]
    pub fn hits_and_misses(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.hits), count(&self.misses))
    }

    async fn fetch(&self, token: &AccessToken) -> Result<Answer, UpstreamError> {
        let claims = self.inner.introspect(token).await?;
        let CacheSettings { rules, scopes, .. } = &self.settings;
        let claims = Arc::new(Arc::unwrap_or_clone(claims).compact(rules, scopes));
        let keep = self.lifetime(&claims);
        Ok(Answer { claims, keep })
    }

    fn lifetime(&self, claims: &UnverifiedClaims) -> Duration {
        if !claims.active {
            return self.settings.keep / NEGATIVE_DIVISOR;
        }
        let left = claims
            .exp
            .map(|exp| (exp - self.clock.now()).to_std().unwrap_or_default());
        left.map_or(self.settings.keep, |left| left.min(self.settings.keep))
    }

    fn key(&self, token: &AccessToken) -> [u8; 32] {
        let mac = self.mac.clone().chain_update(token.expose());
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
        let lookup = Lookup::Token(key);
        if self.settings.keep.is_zero() {
            let _permit = self.settings.in_flight.acquire(lookup)?;
            return self.inner.introspect(token).await;
        }
        if let Some(answer) = self.answers.get(&key).await {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(answer.claims);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let _permit = self.settings.in_flight.acquire(lookup)?;
        let answer = self.answers.try_get_with(key, self.fetch(token)).await;
        answer
            .map(|answer| answer.claims)
            .map_err(|failure| failure.as_ref().clone())
    }
}

impl Answer {
    /// The memory that the answer takes in the cache.
    fn bytes(&self) -> u32 {
        let claims = size_of::<UnverifiedClaims>() + self.claims.heap_bytes();
        u32::try_from(claims + ENTRY_BYTES).unwrap_or(u32::MAX)
    }
}

impl Expiry<[u8; 32], Answer> for ExpiryOfAnswer {
    fn expire_after_create(&self, _: &[u8; 32], answer: &Answer, _: Instant) -> Option<Duration> {
        Some(answer.keep)
    }
}

#[cfg(test)]
mod tests;
