use std::collections::BTreeMap;

use super::NamedClaims;
use crate::domain::{Access, Membership, WorkspaceName};

/// Lets the tokens with these claims open a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRule {
    /// The claims and their values, compared byte for byte. All must be there.
    pub claims: BTreeMap<String, String>,
    /// The workspace.
    pub workspace: WorkspaceName,
    /// What may be done with its objects.
    pub access: Access,
}

impl GrantRule {
    /// The membership that it gives to a token with these claims, if all of its own match. A rule
    /// without claims gives none.
    #[must_use]
    pub fn grant(&self, claims: &NamedClaims) -> Option<Membership> {
        let mut wanted = self.claims.iter();
        let matches = wanted.all(|(name, value)| claims.get(name) == Some(value.as_str()));
        (matches && !self.claims.is_empty()).then(|| Membership {
            workspace: self.workspace.clone(),
            access: self.access,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(claims: &[(&str, &str)]) -> NamedClaims {
        let claims = claims.iter();
        let claims = claims.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        claims.collect()
    }

    fn rule(wanted: &[(&str, &str)]) -> GrantRule {
        let wanted = wanted.iter();
        let wanted = wanted.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        GrantRule {
            claims: wanted.collect(),
            workspace: "acme/ci".parse().unwrap(),
            access: Access::Read,
        }
    }

    #[test]
    fn every_claim_must_match() {
        let rule = rule(&[("repository", "acme/app"), ("ref", "refs/heads/main")]);
        let main = claims(&[
            ("repository", "acme/app"),
            ("ref", "refs/heads/main"),
            ("actor", "alice"),
        ]);
        let granted = rule.grant(&main).unwrap();
        assert_eq!(granted.workspace.to_string(), "acme/ci");
        assert_eq!(granted.access, Access::Read);
        for other in [
            claims(&[]),
            claims(&[("repository", "acme/app")]),
            claims(&[("repository", "acme/app"), ("ref", "refs/heads/main2")]),
            claims(&[("repository", "Acme/app"), ("ref", "refs/heads/main")]),
            claims(&[("repository", "refs/heads/main"), ("ref", "acme/app")]),
        ] {
            assert_eq!(rule.grant(&other), None, "{other:?}");
        }
    }

    #[test]
    fn a_star_is_a_character() {
        let rule = rule(&[("ref", "refs/heads/*")]);
        assert_eq!(rule.grant(&claims(&[("ref", "refs/heads/main")])), None);
    }

    #[test]
    fn a_rule_without_claims_grants_nothing() {
        assert_eq!(rule(&[]).grant(&claims(&[("ref", "x")])), None);
    }
}
