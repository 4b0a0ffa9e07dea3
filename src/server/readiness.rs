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

/// What an outdated replica says.
const FORMULA: &str = "formula (another replica has changed naming.* or oauth.issuer: restart this \
                       one with the new values)";

/// What a gateway says whose registry cannot be written.
const REGISTRY: &str = "registry";

const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Whether the registry is writable and has this replica's formula, and discovery has succeeded once;
/// with `serve --doctor` also whether isolation has been proven.
pub(super) struct Ready {
    registry: OnceLock<Arc<SqlBucketRegistry>>,
    discovery: Arc<Discovery>,
    proven: Arc<AtomicBool>,
    probed: Mutex<Probed>,
}

/// What the last look at the registry found.
struct Probed {
    /// When it was last written to, and what was wrong with it then.
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

    /// The registry is there. Without one the gateway is not ready.
    pub(super) fn open(&self, registry: Arc<SqlBucketRegistry>) {
        self.registry.get_or_init(|| registry);
    }

    /// One probe a second at most, however many ask: each costs a sync of the disk.
    async fn wrong_with(&self, registry: &SqlBucketRegistry) -> Option<&'static str> {
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

/// Whether the registry, which can be written, has this replica's formula.
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
        self.wrong_with(registry).await
    }
}

/// Where browsers sign in, from the authorization server's metadata.
pub(super) struct SignInAt(pub(super) Arc<Discovery>);

impl SignIn for SignInAt {
    fn endpoints(&self) -> Option<SignInEndpoints> {
        let (authorization, token) = self.0.sign_in()?;
        Some(SignInEndpoints {
            authorization: authorization.into(),
            token: token.into(),
        })
    }
}
