use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use url::Url;

use crate::adapters::{Current, Derived, Upstream};
use crate::service::{UpstreamError, UpstreamErrorKind};

use super::key_set::{KeySet, KeySetError, KeyUse, MAX_KEY_SET_BYTES};
use super::{Discovery, InFlightLimit, Lookup, OauthHttp};

/// Keys are read again after this time, so that a withdrawn key stops working.
const REFRESH_AFTER: Duration = Duration::from_mins(5);

/// Callers wait until keys of this age are read again, but not longer than this: an issuer that hangs
/// must not hold them up.
const WAIT_AFTER: Duration = Duration::from_mins(10);
const PATIENCE: Duration = Duration::from_secs(1);

/// Keys that cannot be read again stop working after this time.
const MAX_AGE: Duration = Duration::from_hours(1);

/// The shortest time between two requests, however many tokens name an unknown `kid`
/// (docs/security.md).
const MIN_INTERVAL: Duration = Duration::from_secs(10);

/// The same as long as no keys are known at all: the gateway should start to work soon.
const MIN_INTERVAL_AT_START: Duration = Duration::from_secs(1);

/// The keys that an issuer signs with (RFC 7517): from its server, or from a file.
pub struct Jwks(Source);

enum Source {
    Server(Arc<Inner>),
    File(FileKeys),
}

type FileKeys = Derived<Vec<u8>, KeySet, KeySetError>;

/// The keys of a server. They are kept, and read again when they are old or a token names an unknown
/// key.
///
/// A separate task reads them, one at a time, so a client that disconnects or runs out of time does not
/// interrupt it.
struct Inner {
    http: OauthHttp,
    discovery: Arc<Discovery>,
    in_flight: InFlightLimit,
    key_use: KeyUse,
    cached: RwLock<Option<CachedKeys>>,
    last: Mutex<Option<Refresh>>,
}

#[derive(Clone)]
struct CachedKeys {
    keys: KeySet,
    read_at: Instant,
}

/// A refresh of the keys, in progress or finished.
#[derive(Clone)]
struct Refresh {
    started_at: Instant,
    task: AbortHandle,
    outcome: SharedOutcome,
}

type SharedOutcome = Shared<BoxFuture<'static, Result<(), UpstreamError>>>;

impl Jwks {
    /// Sets the cache up without reading the keys.
    #[must_use]
    pub fn new(
        http: OauthHttp,
        discovery: Arc<Discovery>,
        in_flight: InFlightLimit,
        key_use: KeyUse,
    ) -> Self {
        let upstream = match http.upstream() {
            Upstream::IssuerDiscovery => Upstream::IssuerKeys,
            _ => Upstream::Jwks,
        };
        Self(Source::Server(Arc::new(Inner {
            http: http.to(upstream),
            discovery,
            in_flight,
            key_use,
            cached: RwLock::default(),
            last: Mutex::default(),
        })))
    }

    /// The keys in a file, and in its replacements.
    ///
    /// # Errors
    ///
    /// [`KeySetError`] if it has no usable key.
    pub fn of_file(file: Current<Vec<u8>>, key_use: KeyUse) -> Result<Self, KeySetError> {
        let read: fn(&Vec<u8>) -> Result<KeySet, KeySetError> = match key_use {
            KeyUse::Signature => |json| KeySet::parse(json, KeyUse::Signature),
            KeyUse::JwtSvid => |json| KeySet::parse(json, KeyUse::JwtSvid),
        };
        Ok(Self(Source::File(Derived::new(file, read)?)))
    }

    /// Reads the keys, and leaves the cached ones as they are.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`] if they cannot be read, or none of them is usable.
    pub async fn fetch(&self) -> Result<(), UpstreamError> {
        match &self.0 {
            Source::Server(server) => server.fetch().await.map(|_| ()),
            Source::File(_) => Ok(()),
        }
    }

    /// Reads the keys before the first token needs them.
    ///
    /// # Errors
    ///
    /// As [`Self::fetch`].
    pub async fn prepare(&self) -> Result<(), UpstreamError> {
        match &self.0 {
            Source::Server(server) if server.cached().is_none() => server.start().await,
            Source::Server(_) | Source::File(_) => Ok(()),
        }
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
        match &self.0 {
            Source::Server(server) => server.find(kid, algorithm).await,
            Source::File(file) => Ok(file.get().matching(kid, algorithm)),
        }
    }
}

impl Inner {
    async fn find(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<DecodingKey>, UpstreamError> {
        let cached = self.cached();
        let age = cached.as_ref().map(|cached| cached.read_at.elapsed());
        let found = cached.map_or_else(Vec::new, |cached| cached.keys.matching(kid, algorithm));
        if !found.is_empty() && age.is_some_and(|age| age < REFRESH_AFTER) {
            return Ok(found);
        }
        let outcome = self.start();
        // Old keys stay in use while they are read again.
        if !found.is_empty() && age.is_some_and(|age| age < WAIT_AFTER) {
            return Ok(found);
        }
        // There was no call for some time, and a key may have been withdrawn since.
        if !found.is_empty() && age.is_some_and(|age| age < MAX_AGE) {
            let _ = tokio::time::timeout(PATIENCE, self.wait_for(outcome)).await;
            return Ok(self.matching(kid, algorithm));
        }
        self.wait_for(outcome).await?;
        Ok(self.matching(kid, algorithm))
    }

    fn matching(&self, kid: Option<&str>, algorithm: Algorithm) -> Vec<DecodingKey> {
        let cached = self.cached();
        cached.map_or_else(Vec::new, |cached| cached.keys.matching(kid, algorithm))
    }

    async fn wait_for(&self, outcome: SharedOutcome) -> Result<(), UpstreamError> {
        if let Some(ended) = outcome.clone().now_or_never() {
            return ended;
        }
        let _permit = self.in_flight.acquire(Lookup::Keys)?;
        outcome.await
    }

    /// Starts a refresh, unless one is in progress or started a moment ago.
    fn start(self: &Arc<Self>) -> SharedOutcome {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let min_interval = match self.cached() {
            Some(_) => MIN_INTERVAL,
            None => MIN_INTERVAL_AT_START,
        };
        if let Some(last) = last.as_ref()
            && (last.started_at.elapsed() < min_interval || !last.task.is_finished())
        {
            return last.outcome.clone();
        }
        let inner = Arc::clone(self);
        let refreshing = tokio::spawn(async move { inner.refresh().await });
        // `outcome` cannot tell: a shared future completes only when it is polled.
        let task = refreshing.abort_handle();
        let outcome = refreshing
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
            task,
            outcome: outcome.clone(),
        });
        outcome
    }

    async fn refresh(&self) -> Result<(), UpstreamError> {
        let keys = self.fetch().await.inspect_err(|failure| {
            let section = self.discovery.section();
            tracing::warn!(cause = %failure, "cannot read the keys of {section}.issuer");
        })?;
        let cached = CachedKeys {
            keys,
            read_at: Instant::now(),
        };
        *self.cached.write().unwrap_or_else(PoisonError::into_inner) = Some(cached);
        Ok(())
    }

    /// Reads the keys. A set without usable keys is an error, so it does not replace usable ones.
    async fn fetch(&self) -> Result<KeySet, UpstreamError> {
        let url = self.discovery.jwks_uri().await?;
        match self.fetch_at(&url).await {
            Ok(keys) => Ok(keys),
            Err(failure) => match self.discovery.keys_moved_from(&url).await {
                Some(url) => self.fetch_at(&url).await,
                None => Err(failure),
            },
        }
    }

    async fn fetch_at(&self, url: &Url) -> Result<KeySet, UpstreamError> {
        let set = self.http.get_json(url, MAX_KEY_SET_BYTES).await?;
        KeySet::of_object(&set, self.key_use)
            .map_err(|error| UpstreamError::new(UpstreamErrorKind::Nonsense, error.to_string()))
    }

    fn cached(&self) -> Option<CachedKeys> {
        let cached = self.cached.read();
        cached.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests;
