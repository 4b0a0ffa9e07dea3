use super::{Access, ClientId, IssuerName, Principal, Subject, WorkspaceName};

/// A membership by a token's claims: `workspaces.membership_claim`, or `grants` of a named issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The workspace.
    pub workspace: WorkspaceName,
    /// What the member may do.
    pub access: Access,
}

/// A member of a workspace, as the registry holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The issuer that names the person; `oauth.issuer` if `None`.
    pub issuer: Option<IssuerName>,
    /// The person.
    pub subject: Subject,
    /// The client that the person must use; any client if `None`.
    pub client_id: Option<ClientId>,
    /// What the member may do.
    pub access: Access,
}

impl Member {
    /// Whether the principal is this member.
    #[must_use]
    pub fn is(&self, principal: &Principal) -> bool {
        let through = self.client_id.as_ref();
        self.issuer == principal.issuer
            && self.subject == principal.subject
            && through.is_none_or(|client_id| *client_id == principal.client_id)
    }
}

impl Membership {
    /// Reads `org/ws` or `/org/ws`, with `:read` for reading only. Other words are not memberships: a
    /// claim of groups holds all sorts of groups.
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
    fn other_words_of_the_claim_are_no_memberships() {
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
