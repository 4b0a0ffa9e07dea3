use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::{AccessKeyId, AccessToken, Caller, CallerId, CapabilityId, Scope, TokenError};
use crate::service::{AccessKeyRefusal, Authenticate, Credential, Deadline, Refusal};

use super::RotateAccessKey;

/// What tells a capability from every other JWT, its `typ` (RFC 8725 section 3.11).
pub const CAPABILITY_TYPE: &str = "capability+jwt";

/// What somebody presents who wants new credentials of an access key.
#[derive(Clone, Debug)]
pub enum RotationCredential {
    /// Something that says who asks.
    Of(Credential),
    /// Something that allows this one thing, whoever asks.
    Capability(AccessToken),
}

/// Who asks for new credentials.
#[derive(Clone, Debug)]
pub enum RotationCaller {
    /// Somebody who is known, and must own the key.
    Caller(Caller),
    /// Whoever has a capability token of the key's.
    Capability(CapabilityId),
}

/// Who asks, before [`RotateAccessKey::admit`] has checked the scope of an API key.
#[derive(Debug)]
pub struct UnadmittedCaller(RotationCaller);

/// Signed tokens that allow new credentials of one access key, and nothing else.
pub trait Capabilities: Send + Sync {
    /// The name of the token, if it is for this key and good now.
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

/// Who may ask for new credentials.
#[derive(Clone)]
pub struct RotationAdmission {
    /// The word that an API key must have.
    pub scope: Scope,
    /// The word that an access token must have.
    pub oauth_scope: Scope,
    /// What capability tokens are checked with, if there are any.
    pub capabilities: Option<Arc<dyn Capabilities>>,
}

impl RotationCredential {
    /// A capability says what it is in its header (RFC 8725 section 3.11); anything else is an
    /// access token.
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
    /// Which caller it is.
    #[must_use]
    pub fn id(&self) -> CallerId {
        match self {
            Self::Caller(caller) => caller.id(),
            Self::Capability(id) => CallerId::Capability(id.clone()),
        }
    }
}

impl UnadmittedCaller {
    /// For the log and the caller's limit.
    #[must_use]
    pub fn caller(&self) -> &RotationCaller {
        &self.0
    }
}

impl fmt::Display for RotationCaller {
    /// As the audit trail names whoever acts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller(caller) => caller.fmt(f),
            Self::Capability(id) => write!(f, "capability {id}"),
        }
    }
}

impl RotateAccessKey {
    /// The scope that API keys need, as callers know it.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.admission.scope.as_str()
    }

    /// The scope that access tokens need.
    #[must_use]
    pub fn oauth_scope(&self) -> &str {
        self.admission.oauth_scope.as_str()
    }

    /// Who asks. A capability token must be for this key, an access token must hold its scope. An
    /// API key's scope is left to [`admit`](Self::admit): the key has cost a look into the registry,
    /// so the call counts before it is refused.
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
        let RotationAdmission {
            oauth_scope,
            capabilities,
            ..
        } = &self.admission;
        let caller = match credential {
            RotationCredential::Of(credential) => {
                let caller = authenticate
                    .authenticate(credential, oauth_scope, address, deadline)
                    .await?;
                RotationCaller::Caller(caller)
            }
            RotationCredential::Capability(token) => {
                let checked = match (capabilities, key) {
                    (Some(capabilities), Some(key)) => capabilities.check(token, key, self.now()),
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
    pub fn admit(&self, identified: UnadmittedCaller) -> Result<RotationCaller, Refusal> {
        match identified.0 {
            RotationCaller::Caller(Caller::ApiKey(key))
                if !key.scopes.contains(&self.admission.scope) =>
            {
                Err(TokenError::MissingScope.into())
            }
            caller => Ok(caller),
        }
    }
}
