use super::{Access, ClientId, Subject, WorkspaceName};

/// What a token says of somebody's place in a workspace (`workspaces.membership_claim`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Where.
    pub workspace: WorkspaceName,
    /// To do what.
    pub access: Access,
}

/// Who may use a workspace, as the registry holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The person.
    pub subject: Subject,
    /// Through which client; through any if none is named.
    pub client_id: Option<ClientId>,
    /// To do what.
    pub access: Access,
}

impl Membership {
    /// Reads `org/ws` or `/org/ws`, with `:read` for reading only. Anything else is somebody
    /// else's: a claim of groups holds all sorts of groups.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let (path, access) = match word.split_once(':') {
            None => (word, Access::ReadWrite),
            Some((path, "read")) => (path, Access::Read),
            Some(_) => return None,
        };
        let path = path.strip_prefix('/').unwrap_or(path);
        let workspace = path.parse().ok()?;
        Some(Self { workspace, access })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_names_workspaces_with_or_without_a_slash() {
        for (word, access) in [
            ("acme/research", Access::ReadWrite),
            ("/acme/research", Access::ReadWrite),
            ("acme/research:read", Access::Read),
            ("/acme/research:read", Access::Read),
        ] {
            let membership = Membership::parse(word).unwrap();
            assert_eq!(membership.workspace.to_string(), "acme/research");
            assert_eq!(membership.access, access, "{word}");
        }
    }

    #[test]
    fn whatever_else_is_in_the_claim_is_no_membership() {
        for word in [
            "",
            "/",
            "acme",
            "/acme",
            "acme/",
            "//acme/research",
            "/acme/research/",
            "/acme/research/sub",
            "acme/research:write",
            "acme/research:",
            "acme/research:read:x",
            "acme/*",
            "acme/Research",
            "acme/research ",
            "acme/research:READ",
        ] {
            assert_eq!(Membership::parse(word), None, "{word}");
        }
    }
}
