use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use crate::domain::{ApiKey, ApiKeyCaller, ApiKeyError, ClientNetwork, RegisteredApiKey};
use crate::service::{Clock, Deadline, Directory, Limit, RateLimiter, Refusal, RegistryError};

use super::GenuineApiKeys;

/// How long the registry may take for one key.
const STEP_TIMEOUT: Duration = Duration::from_secs(3);

/// The precision of a key's last use: a write at every call would be too much.
const LAST_USE_TO: TimeDelta = TimeDelta::hours(1);

/// Authenticates API keys: from an [`ApiKey`] to an [`ApiKeyCaller`].
///
/// Looking up a key costs a query, even for a made-up one. So calls with keys that are not known to be
/// genuine count by the client's network. Calls with genuine keys do not, so others in the same network
/// cannot shut them out.
pub struct AuthenticateApiKey {
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
    addresses: Arc<dyn RateLimiter<ClientNetwork>>,
    genuine: Arc<GenuineApiKeys>,
}

impl AuthenticateApiKey {
    /// Makes the check.
    #[must_use]
    pub fn new(
        directory: Arc<dyn Directory>,
        clock: Arc<dyn Clock>,
        addresses: Arc<dyn RateLimiter<ClientNetwork>>,
        genuine: Arc<GenuineApiKeys>,
    ) -> Self {
        Self {
            directory,
            clock,
            addresses,
            genuine,
        }
    }

    /// Looks the key up at every call, so a revoked key is refused at the next.
    pub(super) async fn authenticate(
        &self,
        key: &ApiKey,
        address: Option<IpAddr>,
        deadline: Deadline,
    ) -> Result<ApiKeyCaller, Refusal> {
        self.count_unknown(key, address)?;
        let checked = deadline.limit(STEP_TIMEOUT, self.find(key)).await;
        checked.unwrap_or_else(|_| Err(RegistryError::late("api key").into()))
    }

    fn count_unknown(&self, key: &ApiKey, address: Option<IpAddr>) -> Result<(), Refusal> {
        if self.genuine.contains(&key.hash()) {
            return Ok(());
        }
        let address = address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        let taken = self.addresses.take(&address.into());
        taken.map_err(|spent| spent.of(Limit::Address))
    }

    async fn find(&self, key: &ApiKey) -> Result<ApiKeyCaller, Refusal> {
        let now = self.clock.now();
        let found = self.directory.api_key(key.id()).await?;
        let registered = found.ok_or_else(|| ApiKeyError::Unknown(key.id().clone()))?;
        let checked = check(&registered, key, now);
        match &checked {
            Ok(()) => self.genuine.remember(&key.hash()).await,
            // A key that has ended counts like an unknown one: its former owner may flood us, too.
            Err(_) => self.genuine.forget(&key.hash()).await,
        }
        checked?;
        let hour = now.duration_trunc(LAST_USE_TO).unwrap_or(now);
        if registered.last_used.is_none_or(|last| last < hour)
            && let Err(error) = self.directory.note_use(key.id(), hour).await
        {
            // Only recording its use failed.
            tracing::warn!(%error, key = %key.id(), "could not record an API key's last use");
        }
        Ok(registered.into_caller())
    }
}

fn check(
    registered: &RegisteredApiKey,
    key: &ApiKey,
    now: DateTime<Utc>,
) -> Result<(), ApiKeyError> {
    if !registered.hash.matches(&key.hash()) {
        return Err(ApiKeyError::Forged(key.id().clone()));
    }
    if registered.revoked_at.is_some() {
        return Err(ApiKeyError::Revoked(key.id().clone()));
    }
    if registered.expires_at.is_some_and(|end| end <= now) {
        return Err(ApiKeyError::Expired(key.id().clone()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::service::RateLimitError;
    use crate::service::fakes::{FakeDirectory, FixedClock};

    /// Allows this many calls in all.
    struct Calls(AtomicUsize);

    impl RateLimiter<ClientNetwork> for Calls {
        fn take(&self, _: &ClientNetwork) -> Result<(), RateLimitError> {
            let less = |left: usize| left.checked_sub(1);
            let taken = self
                .0
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
            taken.map(drop).map_err(|_| RateLimitError {
                retry_after: Duration::from_secs(1),
                permitted: 3,
            })
        }
    }

    #[tokio::test]
    async fn calls_beyond_the_allowance_do_not_reach_the_registry() {
        let directory = Arc::new(FakeDirectory {
            api_keys: vec![registered()],
            ..FakeDirectory::default()
        });
        let calls = Arc::new(Calls(AtomicUsize::new(3)));
        let clock: Arc<dyn Clock> = Arc::new(FixedClock);
        let genuine = Arc::new(GenuineApiKeys::new(directory.clone(), Arc::clone(&clock)));
        let authenticate = AuthenticateApiKey::new(directory.clone(), clock, calls, genuine);
        let ask = async |key: &ApiKey| {
            let deadline = Deadline::after(STEP_TIMEOUT);
            authenticate.authenticate(key, None, deadline).await
        };
        let genuine = key(2);
        assert!(ask(&genuine).await.is_ok());
        // A forged key proves nothing, however often it comes.
        let forged = key(9);
        for _ in 0..2 {
            let refused = ask(&forged).await;
            assert!(matches!(refused, Err(Refusal::ApiKey(_))), "{refused:?}");
        }
        for _ in 0..5 {
            let refused = ask(&forged).await;
            assert!(
                matches!(refused, Err(Refusal::RateLimited { .. })),
                "{refused:?}"
            );
        }
        assert_eq!(directory.lookups.load(Ordering::Relaxed), 3);
        assert!(ask(&genuine).await.is_ok());
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn key(secret: u8) -> ApiKey {
        ApiKey::from_random([[1; 16], [secret; 16], [3; 16]])
    }

    fn registered() -> RegisteredApiKey {
        RegisteredApiKey {
            id: key(2).id().clone(),
            hash: key(2).hash(),
            organisation: "acme".parse().unwrap(),
            label: "ci".to_owned(),
            storage: true,
            scopes: Vec::new(),
            created_at: now(),
            expires_at: Some(now() + TimeDelta::seconds(1)),
            revoked_at: None,
            last_used: None,
        }
    }

    #[test]
    fn a_key_is_good_until_it_ends_or_is_revoked() {
        let good = registered();
        assert_eq!(check(&good, &key(2), now()), Ok(()));
        let later = now() + TimeDelta::seconds(1);
        let id = good.id.clone();
        assert_eq!(
            check(&good, &key(2), later),
            Err(ApiKeyError::Expired(id.clone()))
        );
        let revoked = RegisteredApiKey {
            revoked_at: Some(now()),
            ..registered()
        };
        assert_eq!(
            check(&revoked, &key(2), now()),
            Err(ApiKeyError::Revoked(id))
        );
        let endless = RegisteredApiKey {
            expires_at: None,
            ..registered()
        };
        assert_eq!(check(&endless, &key(2), later), Ok(()));
    }

    #[test]
    fn the_public_part_alone_opens_nothing() {
        assert_eq!(key(9).id(), key(2).id());
        let checked = check(&registered(), &key(9), now());
        assert_eq!(checked, Err(ApiKeyError::Forged(key(2).id().clone())));
    }
}
