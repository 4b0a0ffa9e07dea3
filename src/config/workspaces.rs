use semver::Version;

use super::reader::Reader;

/// Claims that say something else already.
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
    /// `workspaces.membership_claim`: a claim that lists the workspaces of the token's subject.
    pub membership_claim: Option<String>,
    /// `workspaces.minimum_client_version`: clients that say they are older are turned away.
    pub minimum_client_version: Option<Version>,
}

impl WorkspacesConfig {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let claim = reader.optional::<String>("workspaces.membership_claim");
        let name = claim.as_ref().and_then(Option::as_deref);
        if name.is_some_and(|name| name.is_empty() || TAKEN.contains(&name)) {
            reader.error(
                "workspaces.membership_claim",
                "must be a claim of its own, `groups` for instance",
            );
        }
        let version = reader.optional("workspaces.minimum_client_version");
        Some(Self {
            membership_claim: claim?,
            minimum_client_version: version?,
        })
    }
}
