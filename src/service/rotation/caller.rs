use chrono::{DateTime, Utc};

use crate::domain::{AccessKeyId, AccessToken, Caller, CallerId, CapabilityId};
use crate::service::Credential;

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

/// Who asks for a rotation, before [`RotateAccessKey::admit`](super::RotateAccessKey::admit) has checked the scope of an API key.
#[derive(Debug)]
pub struct UnadmittedCaller(pub(super) RotationCaller);

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
