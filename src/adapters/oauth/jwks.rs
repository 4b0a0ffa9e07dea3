use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;
use tokio::time::Instant;

use crate::service::{UpstreamError, UpstreamErrorKind};

use super::{Discovery, OauthHttp, Question, WaitingPlaces};

/// The longest key set read, in bytes, and the most keys of it that are used.
const MAX_BYTES: usize = 256 * 1024;
const MAX_KEYS: usize = 64;

/// Keys are read again after this time, so that one that was withdrawn is not believed for ever.
const REFRESH_EVERY: Duration = Duration::from_mins(5);

/// Keys that cannot be read again are believed no longer than this.
const BELIEVE_FOR: Duration = Duration::from_hours(1);

/// An unknown `kid` is no reason to ask more often than this (docs/security.md).
const THROTTLE: Duration = Duration::from_secs(10);

/// With no keys at all there is nothing to protect but the authorization server.
const THROTTLE_AT_START: Duration = Duration::from_secs(1);

/// The keys that the authorization server signs with (RFC 7517), kept and read again when they are
/// old or one is unknown.
///
/// They are read by a task of their own, one at a time: a client that leaves, or has used up its
/// time, does not cut it off.
pub struct Jwks(Arc<Inner>);

struct Inner {
    http: OauthHttp,
    discovery: Arc<Discovery>,
    places: WaitingPlaces,
    known: RwLock<Option<Known>>,
    last: Mutex<Option<Attempt>>,
}

#[derive(Clone)]
struct Known {
    keys: Arc<[VerificationKey]>,
    read: Instant,
}

/// A try to read the keys, under way or ended.
#[derive(Clone)]
struct Attempt {
    at: Instant,
    outcome: Reading,
}

type Reading = Shared<BoxFuture<'static, Result<(), UpstreamError>>>;

/// A public key and the algorithms that it may be used with.
struct VerificationKey {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl Jwks {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(http: OauthHttp, discovery: Arc<Discovery>, places: WaitingPlaces) -> Self {
        Self(Arc::new(Inner {
            http,
            discovery,
            places,
            known: RwLock::default(),
            last: Mutex::default(),
        }))
    }

    /// Reads the keys, whatever is known.
    ///
    /// # Errors
    ///
    /// When they cannot be read, or none of them is of use here.
    pub async fn read_once(&self) -> Result<(), UpstreamError> {
        self.0.read().await.map(|_| ())
    }

    /// The keys that may have signed a token with this header; none if there is no such key.
    ///
    /// # Errors
    ///
    /// When the keys cannot be read, or too many wait for them, and those that are known are too
    /// old or do not fit.
    pub(super) async fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<DecodingKey>, UpstreamError> {
        let known = self.0.known();
        let age = known.as_ref().map(|known| known.read.elapsed());
        let found = known.map_or_else(Vec::new, |known| known.matching(kid, algorithm));
        if !found.is_empty() && age.is_some_and(|age| age < REFRESH_EVERY) {
            return Ok(found);
        }
        let attempt = self.read_again();
        // Old ones will do while they are read again.
        if !found.is_empty() && age.is_some_and(|age| age < BELIEVE_FOR) {
            return Ok(found);
        }
        self.wait_for(attempt).await?;
        let known = self.0.known();
        Ok(known.map_or_else(Vec::new, |known| known.matching(kid, algorithm)))
    }

    async fn wait_for(&self, attempt: Reading) -> Result<(), UpstreamError> {
        if let Some(ended) = attempt.peek() {
            return ended.clone();
        }
        let _place = self.0.places.take(Question::Keys)?;
        attempt.await
    }

    /// Starts to read the keys, unless somebody does, or did a moment ago.
    fn read_again(&self) -> Reading {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        let throttle = match self.0.known() {
            Some(_) => THROTTLE,
            None => THROTTLE_AT_START,
        };
        if let Some(last) = last.as_ref()
            && (last.at.elapsed() < throttle || last.outcome.peek().is_none())
        {
            return last.outcome.clone();
        }
        let inner = Arc::clone(&self.0);
        let task = tokio::spawn(async move { inner.refresh().await });
        let outcome = task
            .map(|ended| {
                ended.unwrap_or_else(|_| {
                    let cause = "the reading of the keys was cut off";
                    Err(UpstreamError::new(UpstreamErrorKind::Unreachable, cause))
                })
            })
            .boxed()
            .shared();
        *last = Some(Attempt {
            at: Instant::now(),
            outcome: outcome.clone(),
        });
        outcome
    }
}

impl Inner {
    async fn refresh(&self) -> Result<(), UpstreamError> {
        let keys = self.read().await.inspect_err(|failure| {
            tracing::warn!(cause = %failure, "the authorization server's keys cannot be read");
        })?;
        let known = Known {
            keys,
            read: Instant::now(),
        };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(())
    }

    /// A set without a key of use is nonsense: it must not take the place of good ones.
    async fn read(&self) -> Result<Arc<[VerificationKey]>, UpstreamError> {
        let nonsense = |cause: String| UpstreamError::new(UpstreamErrorKind::Nonsense, cause);
        let url = self.discovery.jwks_uri().await?;
        let set = self.http.get_json(&url, MAX_BYTES).await?;
        let keys = set
            .list("keys")
            .map_err(|wrong| nonsense(format!("the key set's {wrong}")))?;
        let usable = keys.iter().filter_map(VerificationKey::from_jwk);
        let usable: Arc<[VerificationKey]> = usable.take(MAX_KEYS).collect();
        if usable.is_empty() {
            let cause = "the key set holds no key that tokens can be checked with";
            return Err(nonsense(cause.to_owned()));
        }
        Ok(usable)
    }

    fn known(&self) -> Option<Known> {
        let known = self.known.read();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Known {
    /// Whoever names no key may mean any.
    fn matching(&self, kid: Option<&str>, algorithm: Algorithm) -> Vec<DecodingKey> {
        let fits = |key: &&VerificationKey| {
            key.algorithms.contains(&algorithm) && (kid.is_none() || key.kid.as_deref() == kid)
        };
        let keys = self.keys.iter().filter(fits);
        keys.map(|key| key.key.clone()).collect()
    }
}

impl VerificationKey {
    /// A key of a kind that is not spoken here, or meant for something else, is passed over.
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

/// What a key may be used with: its `alg`, else what its kind allows. A symmetric key is no use:
/// whoever checks with it could sign with it.
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
mod tests {
    use serde_json::json;
    use url::Url;
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::adapters::fixed;
    use crate::adapters::oauth::{DiscoverySettings, Endpoint};

    fn jwks_at(server: &MockServer) -> Jwks {
        let http = OauthHttp::new(fixed(None)).unwrap();
        let at = |path: &str| Url::parse(&format!("{}{path}", server.uri())).unwrap();
        let settings = DiscoverySettings {
            issuer: server.uri(),
            url: at(""),
            allow_http: false,
            introspection: Endpoint::Unused,
            jwks: Endpoint::Configured(at("/jwks")),
        };
        let discovery = Arc::new(Discovery::new(http.clone(), settings));
        Jwks::new(http, discovery, WaitingPlaces::new(1))
    }

    async fn publish(server: &MockServer, status: u16, kids: &[&str]) {
        server.reset().await;
        // The base point of P-256: a public key like any other.
        let keys: Vec<Value> = kids
            .iter()
            .map(|kid| {
                json!({
                    "kty": "EC", "crv": "P-256", "kid": kid,
                    "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
                    "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
                })
            })
            .collect();
        let answer = ResponseTemplate::new(status).set_body_json(json!({ "keys": keys }));
        Mock::given(path("/jwks"))
            .respond_with(answer)
            .mount(server)
            .await;
    }

    async fn pass(time: Duration) {
        tokio::time::pause();
        tokio::time::advance(time).await;
        tokio::time::resume();
    }

    async fn found(jwks: &Jwks, kid: &str) -> Result<usize, UpstreamErrorKind> {
        let found = jwks.find(Some(kid), Algorithm::ES256).await;
        found.map(|keys| keys.len()).map_err(|failure| failure.kind)
    }

    #[tokio::test]
    async fn an_unknown_key_is_looked_for_once_in_ten_seconds() {
        let server = MockServer::start().await;
        publish(&server, 200, &["old"]).await;
        let jwks = jwks_at(&server);
        assert_eq!(found(&jwks, "old").await, Ok(1));
        publish(&server, 200, &["new"]).await;
        assert_eq!(found(&jwks, "new").await, Ok(0));
        assert!(server.received_requests().await.unwrap().is_empty());
        pass(THROTTLE).await;
        assert_eq!(found(&jwks, "new").await, Ok(1));
        assert_eq!(found(&jwks, "old").await, Ok(0), "withdrawn");
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn old_keys_do_while_the_server_is_away_but_not_for_ever() {
        let server = MockServer::start().await;
        publish(&server, 200, &["one"]).await;
        let jwks = jwks_at(&server);
        assert_eq!(found(&jwks, "one").await, Ok(1));
        publish(&server, 404, &[]).await;
        pass(REFRESH_EVERY).await;
        assert_eq!(found(&jwks, "one").await, Ok(1));
        assert_eq!(
            found(&jwks, "two").await,
            Err(UpstreamErrorKind::Unreachable)
        );
        pass(BELIEVE_FOR).await;
        assert_eq!(
            found(&jwks, "one").await,
            Err(UpstreamErrorKind::Unreachable)
        );
    }

    #[tokio::test]
    async fn a_set_without_keys_does_not_take_the_place_of_good_ones() {
        let server = MockServer::start().await;
        publish(&server, 200, &["one"]).await;
        let jwks = jwks_at(&server);
        assert_eq!(found(&jwks, "one").await, Ok(1));
        publish(&server, 200, &[]).await;
        pass(THROTTLE).await;
        assert_eq!(found(&jwks, "two").await, Err(UpstreamErrorKind::Nonsense));
        assert_eq!(found(&jwks, "one").await, Ok(1));
    }

    #[tokio::test]
    async fn a_client_that_leaves_does_not_cut_the_reading_off() {
        let server = MockServer::start().await;
        publish(&server, 200, &["one"]).await;
        let jwks = jwks_at(&server);
        // Polled once and dropped.
        assert!(found(&jwks, "one").now_or_never().is_none());
        assert_eq!(found(&jwks, "one").await, Ok(1));
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_key_set_that_hangs_holds_up_no_more_than_its_places() {
        let server = MockServer::start().await;
        publish(&server, 200, &["one"]).await;
        let jwks = jwks_at(&server);
        assert_eq!(found(&jwks, "one").await, Ok(1));
        server.reset().await;
        let hangs = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
        Mock::given(path("/jwks"))
            .respond_with(hangs)
            .mount(&server)
            .await;
        pass(THROTTLE).await;
        let waiting = found(&jwks, "two");
        let meanwhile = async {
            assert_eq!(found(&jwks, "two").await, Err(UpstreamErrorKind::Busy));
            assert_eq!(found(&jwks, "one").await, Ok(1), "known");
        };
        tokio::select! {
            biased;
            ended = waiting => panic!("{ended:?}"),
            () = meanwhile => {}
        }
    }
}
