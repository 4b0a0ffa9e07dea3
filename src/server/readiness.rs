use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::adapters::database::SqlRegistry;
use crate::adapters::oauth::Discovery;
use crate::http::{Readiness, SignIn, SignInEndpoints};

/// What an outdated replica says.
const FORMULA: &str = "formula (another replica has changed naming.* or oauth.issuer: restart this \
                       one with the new values)";

const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Whether the registry is writable and has this replica's formula, and discovery has succeeded once;
/// with `serve --doctor` also whether isolation has been proven.
pub(super) struct Ready {
    registry: Arc<SqlRegistry>,
    discovery: Arc<Discovery>,
    proven: Arc<AtomicBool>,
    /// When the registry was last written to, and what was wrong with it then.
    probed: Mutex<Option<(Instant, Option<&'static str>)>>,
}

impl Ready {
    pub(super) fn new(
        registry: Arc<SqlRegistry>,
        discovery: Arc<Discovery>,
        proven: Arc<AtomicBool>,
    ) -> Self {
        Self {
            registry,
            discovery,
            proven,
            probed: Mutex::default(),
        }
    }

    /// One probe a second at most, however many ask: each costs a sync of the disk.
    async fn wrong_with_registry(&self) -> Option<&'static str> {
        let mut probed = self.probed.lock().await;
        if let Some((when, outcome)) = *probed
            && when.elapsed() < PROBE_EVERY
        {
            return outcome;
        }
        let outcome = self.probe().await;
        *probed = Some((Instant::now(), outcome));
        outcome
    }

    async fn probe(&self) -> Option<&'static str> {
        let registry = &self.registry;
        match (registry.probe().await, registry.is_current().await) {
            (Ok(()), Ok(true)) => None,
            (Ok(()), Ok(false)) => Some(FORMULA),
            _ => Some("registry"),
        }
    }
}

#[async_trait]
impl Readiness for Ready {
    async fn missing(&self) -> Option<&'static str> {
        if !self.discovery.has_succeeded() {
            return Some("discovery");
        }
        if !self.proven.load(Ordering::Acquire) {
            return Some("isolation");
        }
        self.wrong_with_registry().await
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
