use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::adapters::database::SqlBucketRegistry;
use crate::adapters::oauth::Discovery;
use crate::http::{Readiness, SignIn, SignInEndpoints};
use crate::service::RegistryError;

use super::outage::Outage;

/// Reported by a replica with an outdated formula.
const FORMULA: &str = "formula (another replica has changed naming.*, oauth.issuer or issuers.*: restart this \
                       one with the new values)";

/// Reported when the registry cannot be written.
const REGISTRY: &str = "registry";

const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Ready when the registry is writable and has this replica's formula, and discovery has succeeded
/// once; with `serve --doctor` also only when isolation has been proven.
pub(super) struct Ready {
    registry: OnceLock<Arc<SqlBucketRegistry>>,
    discovery: Arc<Discovery>,
    proven: Arc<AtomicBool>,
    probed: Mutex<Probed>,
}

/// The result of the last probe.
struct Probed {
    /// When it was made, and what was wrong.
    last: Option<(Instant, Option<&'static str>)>,
    outage: Outage,
}

impl Ready {
    pub(super) fn new(discovery: Arc<Discovery>, proven: Arc<AtomicBool>) -> Self {
        Self {
            registry: OnceLock::new(),
            discovery,
            proven,
            probed: Mutex::new(Probed {
                last: None,
                outage: Outage::new("the database"),
            }),
        }
    }

    /// Sets the registry; until then the gateway is not ready.
    pub(super) fn open(&self, registry: Arc<SqlBucketRegistry>) {
        self.registry.get_or_init(|| registry);
    }

    /// Probes at most once a second, however many requests ask: each probe costs a disk sync.
    async fn problem_of(&self, registry: &SqlBucketRegistry) -> Option<&'static str> {
        let mut probed = self.probed.lock().await;
        if let Some((when, outcome)) = probed.last
            && when.elapsed() < PROBE_EVERY
        {
            return outcome;
        }
        let outcome = match probe(registry).await {
            Ok(true) => None,
            Ok(false) => Some(FORMULA),
            Err(error) => {
                probed.outage.failed(&error);
                Some(REGISTRY)
            }
        };
        if outcome != Some(REGISTRY) {
            probed.outage.ended();
        }
        probed.last = Some((Instant::now(), outcome));
        outcome
    }
}

/// Checks that the registry is writable; returns whether it has this replica's formula.
async fn probe(registry: &SqlBucketRegistry) -> Result<bool, RegistryError> {
    registry.probe().await?;
    registry.is_current().await
}

#[async_trait]
impl Readiness for Ready {
    async fn missing(&self) -> Option<&'static str> {
        let Some(registry) = self.registry.get() else {
            return Some(REGISTRY);
        };
        if !self.discovery.has_succeeded() {
            return Some("discovery");
        }
        if !self.proven.load(Ordering::Acquire) {
            return Some("isolation");
        }
        self.problem_of(registry).await
    }
}

/// Where browsers sign in, from the authorization server's metadata.
pub(super) struct SignInAt(pub(super) Arc<Discovery>);

impl SignIn for SignInAt {
    fn endpoints(&self) -> Option<SignInEndpoints> {
        let at = self.0.sign_in()?;
        Some(SignInEndpoints {
            authorization: at.authorization.into(),
            token: at.token.into(),
            end_session: at.end_session.map(Into::into),
            revocation: at.revocation.map(Into::into),
            openid: at.openid,
        })
    }
}
