use std::net::IpAddr;
use std::sync::Arc;

use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyOwner, AccessKeyPolicy, AccessKeyPolicyError, Caller,
    Loopholes, Owner, TokenError,
};
use crate::service::{AccessKeyRefusal, Authenticate, Deadline, Limit, Refusal};

use super::caller::{RotationCaller, RotationCredential, UnadmittedCaller};
use super::ports::AccessKeyBroker;
use super::tenants::bucket_of_others;
use super::use_case::{RotateAccessKey, Rotation, Work};

/// A rotation that passed all checks, with what it needs.
pub(super) struct Admitted {
    pub(super) rotation: Rotation,
    pub(super) key: AccessKey,
    pub(super) policy: AccessKeyPolicy,
    pub(super) broker: Arc<dyn AccessKeyBroker>,
}

impl RotateAccessKey {
    /// Finds out who is asking. A capability token must be for this key, an access token must hold the
    /// scope. An API key's scope is left to [`admit`](Self::admit): looking the key up costs a query,
    /// so the call must count before it is refused.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] of the first check that fails.
    pub async fn authenticate(
        &self,
        authenticate: &Authenticate,
        credential: &RotationCredential,
        key: Option<&AccessKeyId>,
        address: Option<IpAddr>,
        deadline: Deadline,
    ) -> Result<UnadmittedCaller, Refusal> {
        let Work {
            ports, settings, ..
        } = self.0.as_ref();
        let caller = match credential {
            RotationCredential::Of(credential) => {
                let caller = authenticate
                    .authenticate(credential, Some(&settings.oauth_scope), address, deadline)
                    .await?;
                RotationCaller::Caller(caller)
            }
            RotationCredential::Capability(token) => {
                let checked = match (&ports.capabilities, key) {
                    (Some(capabilities), Some(key)) => {
                        capabilities.check(token, key, ports.clock.now())
                    }
                    (Some(_), None) => Err("is for another access key"),
                    (None, _) => Err("cannot be checked: access_keys.capability_key is not set"),
                };
                RotationCaller::Capability(checked.map_err(AccessKeyRefusal::Capability)?)
            }
        };
        Ok(UnadmittedCaller(caller))
    }

    /// Checks the scope of an API key.
    ///
    /// # Errors
    ///
    /// [`TokenError::MissingScope`] when the key lacks it.
    pub fn admit(&self, caller: UnadmittedCaller) -> Result<RotationCaller, Refusal> {
        match caller.0 {
            RotationCaller::Caller(Caller::ApiKey(key))
                if !key.scopes.contains(&self.0.settings.scope) =>
            {
                Err(TokenError::MissingScope(self.0.settings.scope.clone()).into())
            }
            caller => Ok(caller),
        }
    }
}

impl Work {
    /// Checks whose key it is and that they are not blocked, from where and how often it is rotated, and
    /// what it opens.
    pub(super) async fn admit(&self, rotation: Rotation) -> Result<Admitted, Refusal> {
        let found = self.ports.registry.access_key(&rotation.key).await?;
        let key = found.ok_or(AccessKeyRefusal::NoSuchKey)?;
        self.check_owner(&key, &rotation.caller).await?;
        self.check_restrictions(&key, &rotation).await?;
        check_network(&key, rotation.address)?;
        let taken = self.ports.rate_limiter.take(&self.digest(&key.id));
        taken.map_err(|spent| spent.of(Limit::Owner))?;
        let broker = self.ports.broker.as_ref();
        let broker = broker.ok_or(AccessKeyRefusal::NoBroker)?;
        self.ports.registry.check_formula().await?;
        let policy = self.policy(&key, broker.loopholes(), &rotation).await?;
        Ok(Admitted {
            rotation,
            key,
            policy,
            broker: Arc::clone(broker),
        })
    }

    /// Checks that nobody has blocked the caller or the key's owner.
    pub(super) async fn check_restrictions(
        &self,
        key: &AccessKey,
        rotation: &Rotation,
    ) -> Result<(), Refusal> {
        let (caller, asked) = (rotation.caller.id(), rotation.request_id.time());
        // Log lines have the access key's own pseudonym.
        let owners = key.owner.as_owner().into_iter();
        let owners: Vec<Owner> = owners.chain([Owner::AccessKey(key.id.clone())]).collect();
        let restrictions = &self.ports.restrictions;
        restrictions.check_fresh(&caller, &owners, asked).await
    }

    async fn check_owner(&self, key: &AccessKey, caller: &RotationCaller) -> Result<(), Refusal> {
        if matches!(caller, RotationCaller::Caller(caller) if !key.owner.is(caller)) {
            return Err(AccessKeyRefusal::NotTheirs.into());
        }
        if key.disabled_at.is_some() {
            return Err(AccessKeyRefusal::Disabled.into());
        }
        if let AccessKeyOwner::Organisation(slug) = &key.owner {
            let found = self.ports.directory.organisation(slug).await?;
            if !found.is_some_and(|organisation| organisation.is_enabled) {
                return Err(AccessKeyRefusal::Disabled.into());
            }
        }
        Ok(())
    }

    /// The buckets' tenants are read each time: a bucket may have got another since.
    async fn policy(
        &self,
        key: &AccessKey,
        loopholes: Loopholes,
        rotation: &Rotation,
    ) -> Result<AccessKeyPolicy, Refusal> {
        let known = self.ports.registry.known_buckets(&key.rights).await?;
        if let Some(bucket) = bucket_of_others(&self.settings.formula, key, &known) {
            tracing::error!(
                request_id = %rotation.request_id,
                owner = %self.pseudonym(&key.id),
                alarm = "access-key-conflict",
                key = %key.id,
                bucket,
                "an access key opens a bucket that now belongs to another owner: disable the key"
            );
            return Err(AccessKeyRefusal::BucketOfOthers.into());
        }
        if key.rights.reaches_all() && !self.settings.has_bucket_prefix {
            return Err(AccessKeyRefusal::NoPolicy(AccessKeyPolicyError::NoPrefix).into());
        }
        let policy = AccessKeyPolicy::for_rights(&key.rights, loopholes);
        policy.map_err(|error| AccessKeyRefusal::NoPolicy(error).into())
    }
}

/// A key without networks may be used from anywhere. An unknown address is in no network.
fn check_network(key: &AccessKey, address: Option<IpAddr>) -> Result<(), AccessKeyRefusal> {
    let is_inside = address.is_some_and(|address| {
        let mut networks = key.networks.iter();
        networks.any(|network| network.contains(&address))
    });
    if key.networks.is_empty() || is_inside {
        Ok(())
    } else {
        Err(AccessKeyRefusal::Network)
    }
}
