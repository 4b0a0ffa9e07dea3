use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyOwner, AccessKeyPolicy, AccessKeyPolicyError, AccessToken,
    Caller, CallerId, CapabilityId, Loopholes, TokenError,
};
use crate::service::{AccessKeyRefusal, Authenticate, Credential, Deadline, Limit, Refusal};

use super::rotate::Work;
use super::{AccessKeyBroker, RotateAccessKey, Rotation, bucket_of_others};

/// The `typ` of a capability token, which sets it apart from other JWTs (RFC 8725 section 3.11).
pub const CAPABILITY_TYPE: &str = "capability+jwt";

/// The credential of a request for a rotation.
#[derive(Clone, Debug)]
pub enum RotationCredential {
    /// It says who is asking.
    Of(Credential),
    /// It allows this one thing to anyone who has it.
    Capability(AccessToken),
}

/// Who asks for a rotation.
#[derive(Clone, Debug)]
pub enum RotationCaller {
    /// A known caller, who must own the key.
    Caller(Caller),
    /// An unknown caller with a capability token for the key.
    Capability(CapabilityId),
}

/// Who asks for a rotation, before [`RotateAccessKey::admit`] has checked the scope of an API key.
#[derive(Debug)]
pub struct UnadmittedCaller(RotationCaller);

/// Checks capability tokens: each allows rotations of one access key and nothing else.
pub trait Capabilities: Send + Sync {
    /// The name of the token, if it is for this key and valid now.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for the log.
    fn check(
        &self,
        token: &AccessToken,
        key: &AccessKeyId,
        now: DateTime<Utc>,
    ) -> Result<CapabilityId, &'static str>;
}

/// A rotation that passed all checks, with what it needs.
pub(super) struct Admitted {
    pub(super) rotation: Rotation,
    pub(super) key: AccessKey,
    pub(super) policy: AccessKeyPolicy,
    pub(super) broker: Arc<dyn AccessKeyBroker>,
}

impl RotationCredential {
    /// Tells a capability token by its header (RFC 8725 section 3.11). Any other token is an access
    /// token.
    #[must_use]
    pub fn of_token(token: AccessToken) -> Self {
        if token.jwt_type().as_deref() == Some(CAPABILITY_TYPE) {
            Self::Capability(token)
        } else {
            Self::Of(Credential::Token(token))
        }
    }
}

impl RotationCaller {
    /// The caller's identity.
    #[must_use]
    pub fn id(&self) -> CallerId {
        match self {
            Self::Caller(caller) => caller.id(),
            Self::Capability(id) => CallerId::Capability(id.clone()),
        }
    }
}

impl UnadmittedCaller {
    /// The caller, for the log and the caller's limit.
    #[must_use]
    pub fn caller(&self) -> &RotationCaller {
        &self.0
    }
}

impl RotateAccessKey {
    /// The scope that API keys need.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.0.settings.scope.as_str()
    }

    /// The scope that access tokens need.
    #[must_use]
    pub fn oauth_scope(&self) -> &str {
        self.0.settings.oauth_scope.as_str()
    }

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
                    .authenticate(credential, &settings.oauth_scope, address, deadline)
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
                Err(TokenError::MissingScope.into())
            }
            caller => Ok(caller),
        }
    }
}

impl Work {
    /// Checks whose key it is, from where and how often it is rotated, and what it opens.
    pub(super) async fn admit(&self, rotation: Rotation) -> Result<Admitted, Refusal> {
        let found = self.ports.registry.access_key(&rotation.key).await?;
        let key = found.ok_or(AccessKeyRefusal::NoSuchKey)?;
        self.check_owner(&key, &rotation.caller).await?;
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
