use semver::Version;

use super::key::Key;
use super::reader::{Read, Reader};

const MEMBERSHIP_CLAIM: Key = Key::new(
    "workspaces.membership_claim",
    "A claim that names workspaces of the token's subject: `acme/research`, `/acme/research` or \
     `…:read`; a string or a list.",
);

const MINIMUM_CLIENT_VERSION: Key = Key::new(
    "workspaces.minimum_client_version",
    "A request with a lower `X-Client-Version` (a semantic version) gets 426.",
);

/// Claims that have a meaning already.
const TAKEN: [&str; 13] = [
    "active",
    "sub",
    "client_id",
    "azp",
    "scope",
    "exp",
    "nbf",
    "iss",
    "aud",
    "token_type",
    "typ",
    "token_use",
    "cnf",
];

/// `workspaces.*`
#[derive(Clone, Debug, Default)]
pub struct WorkspacesConfig {
    /// `workspaces.membership_claim`
    pub membership_claim: Option<String>,
    /// `workspaces.minimum_client_version`
    pub minimum_client_version: Option<Version>,
}

impl WorkspacesConfig {
    pub(super) fn read(reader: &mut Reader) -> Read<Self> {
        reader.section(
            "workspaces",
            "Workspaces of organisations, whose members ask with their access tokens.",
        );
        let claim = reader.optional::<String>(MEMBERSHIP_CLAIM);
        let minimum_client_version = reader.optional(MINIMUM_CLIENT_VERSION);
        if let Ok(Some(name)) = &claim
            && (name.is_empty() || TAKEN.contains(&name.as_str()))
        {
            reader.error(
                MEMBERSHIP_CLAIM,
                "must name a claim that has no other meaning: groups, for instance",
            );
        }
        Ok(Self {
            membership_claim: claim?,
            minimum_client_version: minimum_client_version?,
        })
    }
}
