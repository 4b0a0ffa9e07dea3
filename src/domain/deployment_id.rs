use std::fmt;
use std::str::FromStr;

const CHARS: usize = 32;

/// Names a deployment, all gateways on one registry, in the tag `cloakroom-deployment` of its
/// buckets: 32 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentId(String);

/// Not the name of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 lower-case hex digits, as the tag cloakroom-deployment of a bucket has them")]
pub struct InvalidDeploymentId;

impl DeploymentId {
    /// As the tag has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DeploymentId {
    type Err = InvalidDeploymentId;

    fn from_str(text: &str) -> Result<Self, InvalidDeploymentId> {
        let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == CHARS && text.bytes().all(is_digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidDeploymentId)
        }
    }
}

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
