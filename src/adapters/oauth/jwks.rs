use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;
use tokio::time::Instant;

use crate::adapters::Upstream;
use crate::service::{UpstreamError, UpstreamErrorKind};

use super::{Discovery, InFlightLimit, Lookup, OauthHttp};

/// The longest key set read, in bytes, and the largest number of its keys that are used.
const MAX_BYTES: usize = 256 * 1024;
const MAX_KEYS: usize = 64;

/// Keys are read again after this time, so that a withdrawn key stops working.
const REFRESH_AFTER: Duration = Duration::from_mins(5);

/// Keys that cannot be read again stop working after this time.
const MAX_AGE: Duration = Duration::from_hours(1);

/// The shortest time between two requests, however many tokens name an unknown `kid`
/// (docs/security.md).
const MIN_INTERVAL: Duration = Duration::from_secs(10);

/// The same as long as no keys are known at all: the gateway should start to work soon.
const MIN_INTERVAL_AT_START: Duration = Duration::from_secs(1);

/// The keys that the authorization server signs with (RFC 7517). They are kept, and read again when they
/// are old or a token names an unknown key.
///
/// A separate task reads them, one at a time, so a client that disconnects or runs out of time does not
/// interrupt it.
pub struct Jwks(Arc<Inner>);

struct Inner {
    http: OauthHttp,
    discovery: Arc<Discovery>,
    in_flight: InFlightLimit,
    cached: RwLock<Option<CachedKeys>>,
    last: Mutex<Option<Refresh>>,
}

#[derive(Clone)]
struct CachedKeys {
    keys: Arc<[VerificationKey]>,
    read_at: Instant,
}

/// A refresh of the keys, in progress or finished.
#[derive(Clone)]
struct Refresh {
    started_at: Instant,
    outcome: SharedOutcome,
}

type SharedOutcome = Shared<BoxFuture<'static, Result<(), UpstreamError>>>;

/// A public key and the algorithms that it may be used with.
struct VerificationKey {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl Jwks {
    /// Sets the cache up without reading the keys.
    #[must_use]
    pub fn new(http: OauthHttp, discovery: Arc<Discovery>, in_flight: InFlightLimit) -> Self {
        Self(Arc::new(Inner {
            http: http.to(Upstream::Jwks),
            discovery,
            in_flight,
            cached: RwLock::default(),
            last: Mutex::default(),
        }))
    }

    /// Reads the keys from the authorization server, and leaves the cached ones as they are.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`] if they cannot be read, or none of them is usable.
    pub async fn fetch(&self) -> Result<(), UpstreamError> {
        self.0.fetch().await.map(|_| ())
    }

    /// The keys that may have signed a token with this header; empty if there are none.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`] if no cached key that is recent enough matches, and the keys cannot be read or
    /// too many requests wait for them.
    pub(super) async fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<DecodingKey>, UpstreamError> {
        let cached = self.0.cached();
        let age = cached.as_ref().map(|cached| cached.read_at.elapsed());
        let found = cached.map_or_else(Vec::new, |cached| cached.matching(kid, algorithm));
        if !found.is_empty() && age.is_some_and(|age| age < REFRESH_AFTER) {
            return Ok(found);
        }
        let outcome = self.refresh();
        // Old keys stay in use while they are read again.
        if !found.is_empty() && age.is_some_and(|age| age < MAX_AGE) {
            return Ok(found);
        }
        self.wait_for(outcome).await?;
        let cached = self.0.cached();
        Ok(cached.map_or_else(Vec::new, |cached| cached.matching(kid, algorithm)))
    }

    async fn wait_for(&self, outcome: SharedOutcome) -> Result<(), UpstreamError> {
        if let Some(ended) = outcome.peek() {
            return ended.clone();
        }
        let _permit = self.0.in_flight.acquire(Lookup::Keys)?;
        outcome.await
    }

    /// Starts a refresh, unless one is in progress or started a moment ago.
    fn refresh(&self) -> SharedOutcome {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        let min_interval = match self.0.cached() {
            Some(_) => MIN_INTERVAL,
            None => MIN_INTERVAL_AT_START,
        };
        if let Some(last) = last.as_ref()
            && (last.started_at.elapsed() < min_interval || last.outcome.peek().is_none())
        {
            return last.outcome.clone();
        }
        let inner = Arc::clone(&self.0);
        let task = tokio::spawn(async move { inner.refresh().await });
        let outcome = task
            .map(|ended| {
                ended.unwrap_or_else(|_| {
                    let cause = "reading the keys was interrupted";
                    Err(UpstreamError::new(UpstreamErrorKind::Unreachable, cause))
                })
            })
            .boxed()
            .shared();
        *last = Some(Refresh {
            started_at: Instant::now(),
            outcome: outcome.clone(),
        });
        outcome
    }
}

impl Inner {
    async fn refresh(&self) -> Result<(), UpstreamError> {
        let keys = self.fetch().await.inspect_err(|failure| {
            tracing::warn!(cause = %failure, "cannot read the authorization server's keys");
        })?;
        let cached = CachedKeys {
            keys,
            read_at: Instant::now(),
        };
        *self.cached.write().unwrap_or_else(PoisonError::into_inner) = Some(cached);
        Ok(())
    }

    /// Reads the keys. A set without usable keys is an error, so it does not replace usable ones.
    async fn fetch(&self) -> Result<Arc<[VerificationKey]>, UpstreamError> {
        let nonsense = |cause: String| UpstreamError::new(UpstreamErrorKind::Nonsense, cause);
        let url = self.discovery.jwks_uri().await?;
        let set = self.http.get_json(&url, MAX_BYTES).await?;
        let keys = set
            .list("keys")
            .map_err(|wrong| nonsense(format!("the key set: {wrong}")))?;
        let usable = keys.iter().filter_map(VerificationKey::from_jwk);
        let usable: Arc<[VerificationKey]> = usable.take(MAX_KEYS).collect();
        if usable.is_empty() {
            let cause = "the key set has no key that can verify tokens";
            return Err(nonsense(cause.to_owned()));
        }
        Ok(usable)
    }

    fn cached(&self) -> Option<CachedKeys> {
        let cached = self.cached.read();
        cached.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl CachedKeys {
    /// The keys with this `kid`, or all of them for a token without a `kid`.
    fn matching(&self, kid: Option<&str>, algorithm: Algorithm) -> Vec<DecodingKey> {
        let fits = |key: &&VerificationKey| {
            key.algorithms.contains(&algorithm) && (kid.is_none() || key.kid.as_deref() == kid)
        };
        let keys = self.keys.iter().filter(fits);
        keys.map(|key| key.key.clone()).collect()
    }
}

impl VerificationKey {
    /// `None` for a key of an unsupported kind or with another purpose.
    fn from_jwk(jwk: &Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(jwk.clone()).ok()?;
        let common = &jwk.common;
        let for_signatures = common
            .public_key_use
            .as_ref()
            .is_none_or(|usage| *usage == PublicKeyUse::Signature);
        let may_verify = common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        let algorithms = algorithms(&jwk);
        if !for_signatures || !may_verify || algorithms.is_empty() {
            return None;
        }
        Some(Self {
            kid: common.key_id.clone(),
            key: DecodingKey::from_jwk(&jwk).ok()?,
            algorithms,
        })
    }
}

/// The algorithms that a key may be used with: its `alg`, or else those of its kind. Symmetric keys are
/// never used, because they can sign as well as verify.
fn algorithms(jwk: &Jwk) -> Vec<Algorithm> {
    let kind: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => &[],
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        _ => &[],
    };
    let Some(named) = jwk.common.key_algorithm else {
        return kind.to_vec();
    };
    let named = Algorithm::from_str(&named.to_string());
    let named = named.ok().filter(|named| kind.contains(named));
    named.into_iter().collect()
}

#[cfg(test)]
mod tests;
