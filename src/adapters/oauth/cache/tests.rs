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
    requests: AtomicUsize,
    answer: Result<UnverifiedClaims, UpstreamError>,
}

#[async_trait]
impl Introspection for Counting {
    async fn introspect(&self, _: &AccessToken) -> Result<Arc<UnverifiedClaims>, UpstreamError> {
        self.requests.fetch_add(1, Ordering::SeqCst);
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
        requests: AtomicUsize::new(0),
        answer,
    });
    let settings = settings(keep);
    let cached = CachedIntrospection::new(inner.clone(), Arc::new(Noon), &OsRandomness, settings);
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
        in_flight: InFlightLimit::new(40),
    }
}

fn token(text: &str) -> AccessToken {
    AccessToken::parse(text).unwrap()
}

const TEN_SECONDS: Duration = Duration::from_secs(10);

#[tokio::test]
async fn concurrent_requests_with_one_token_send_one_introspection() {
    let (inner, cached) = cached(Ok(active(None)), TEN_SECONDS);
    let alice = token("alice");
    let answers = (0..20).map(|_| cached.introspect(&alice));
    assert!(
        futures_util::future::join_all(answers)
            .await
            .iter()
            .all(Result::is_ok)
    );
    assert_eq!(inner.requests.load(Ordering::SeqCst), 1);
    cached.introspect(&token("bob")).await.unwrap();
    assert_eq!(inner.requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn zero_disables_the_cache() {
    let (inner, cached) = cached(Ok(active(None)), Duration::ZERO);
    cached.introspect(&token("a")).await.unwrap();
    cached.introspect(&token("a")).await.unwrap();
    assert_eq!(inner.requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn failures_are_not_cached() {
    let failure = UpstreamError::new(UpstreamErrorKind::Nonsense, "x");
    let (inner, cached) = cached(Err(failure), TEN_SECONDS);
    assert!(cached.introspect(&token("a")).await.is_err());
    assert!(cached.introspect(&token("a")).await.is_err());
    assert_eq!(inner.requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn answers_expire_with_the_token_and_inactive_ones_sooner() {
    let (_, cached) = cached(Ok(active(None)), TEN_SECONDS);
    let claims = |active, exp| UnverifiedClaims {
        active,
        exp,
        ..UnverifiedClaims::default()
    };
    assert_eq!(cached.lifetime(&claims(true, None)), TEN_SECONDS);
    let soon = Noon.now() + TimeDelta::seconds(3);
    assert_eq!(
        cached.lifetime(&claims(true, Some(soon))),
        Duration::from_secs(3)
    );
    let past = Noon.now() - TimeDelta::seconds(3);
    assert_eq!(cached.lifetime(&claims(true, Some(past))), Duration::ZERO);
    assert_eq!(
        cached.lifetime(&claims(false, None)),
        Duration::from_secs(2)
    );
}

/// An active token's answer with this number of memberships.
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
    // Small answers count with the cache's overhead.
    let cached = fill(active(None), 3_000).await;
    let kept = cached.answers.entry_count();
    assert!(
        kept > 1_000 && kept * (ENTRY_BYTES as u64) < max_bytes,
        "{kept}"
    );
}

#[tokio::test]
async fn only_requests_without_a_cached_answer_count_towards_the_limit() {
    let (inner, mut cached) = cached(Ok(active(None)), TEN_SECONDS);
    cached.introspect(&token("known")).await.unwrap();
    cached.settings.in_flight = InFlightLimit::new(1);
    let limit = cached.settings.in_flight.clone();
    let taken = limit.acquire(Lookup::Keys).unwrap();
    assert!(cached.introspect(&token("known")).await.is_ok());
    let refused = cached.introspect(&token("new")).await.err().unwrap();
    assert_eq!(refused.kind, UpstreamErrorKind::Busy);
    assert_eq!(inner.requests.load(Ordering::SeqCst), 1);
    drop(taken);
    assert!(cached.introspect(&token("new")).await.is_ok());
}
