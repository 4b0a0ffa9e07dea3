use std::str::FromStr;

use super::text::{impl_text, is_hex};

const CHARS: usize = 32;

/// The name of a deployment, which is all gateways on one registry: 32 lower-case hex digits, in the tag
/// `cloakroom-deployment` of its buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentId(String);

/// Not the name of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 lower-case hex digits, as the tag cloakroom-deployment of a bucket has them")]
pub struct InvalidDeploymentId;

impl_text!(DeploymentId);

impl FromStr for DeploymentId {
    type Err = InvalidDeploymentId;

    fn from_str(text: &str) -> Result<Self, InvalidDeploymentId> {
        if text.len() == CHARS && is_hex(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidDeploymentId)
        }
    }
}
