//! Issuers of which everybody can get tokens.

mod list;

use std::fmt;

use super::{Condition, Glob, IssuerId, Test};

use list::PLATFORMS;

/// An issuer of which everybody can get tokens, whatever they want from it.
#[derive(Debug, PartialEq, Eq)]
pub struct Platform {
    name: &'static str,
    issuer: &'static str,
    /// The claims that say whose token it is, so that nobody else can have theirs. `aud` is none: callers
    /// choose it. `ref`, `environment` and `actor` are none: anyone can have a branch `main`, and a
    /// stranger's workflow runs for everybody who comments there. `email` is none: it may be unproven.
    tenants: &'static [Tenant],
}

#[derive(Debug, PartialEq, Eq)]
struct Tenant {
    claim: &'static str,
    /// What the values begin with before the tenant's name and a separator. `None` if a value has
    /// nothing after the name: a pattern would match names that others can take.
    before: Option<&'static str>,
}

impl Platform {
    /// The platform behind an issuer, however its address is spelt.
    #[must_use]
    pub fn of(issuer: &IssuerId) -> Option<&'static Self> {
        let issuer = issuer.canonical();
        PLATFORMS.iter().find(|platform| platform.issuer == issuer)
    }

    /// Whether one of the conditions lets only chosen tenants of the platform in.
    #[must_use]
    pub fn is_confined_by(&self, conditions: &[Condition]) -> bool {
        let confines = |condition: &Condition| {
            let mut tenants = self.tenants.iter();
            tenants.any(|tenant| tenant.claim == condition.claim && tenant.is_chosen(condition))
        };
        conditions.iter().any(confines)
    }
}

/// Why a condition is needed, and on which claims.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claims: Vec<&str> = self.tenants.iter().map(|tenant| tenant.claim).collect();
        write!(
            f,
            "everybody can get tokens of {}: a condition must say whose are let in, by {}",
            self.name,
            claims.join(", ")
        )
    }
}

impl Tenant {
    fn is_chosen(&self, condition: &Condition) -> bool {
        match &condition.test {
            Test::Equals(value) => !value.is_empty(),
            Test::OneOf(values) => !values.is_empty() && values.iter().all(|v| !v.is_empty()),
            Test::Glob(glob) => glob.is_literal() || self.is_chosen_by(glob),
        }
    }

    /// Whether the pattern has all of the tenant's name before its first `*`: `acme*` also matches
    /// `acme-evil/app`.
    fn is_chosen_by(&self, glob: &Glob) -> bool {
        let prefix = glob.literal_prefix();
        let after = self.before.and_then(|before| prefix.strip_prefix(before));
        let name_ends = after.and_then(|after| after.find(['/', ':']));
        name_ends.is_some_and(|end| end > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GITHUB: &str = "https://token.actions.githubusercontent.com";

    fn platform(issuer: &str) -> Option<&'static Platform> {
        Platform::of(&IssuerId::parse(issuer).unwrap())
    }

    fn is_confined(issuer: &str, claim: &str, test: Test) -> bool {
        let claim = claim.to_owned();
        platform(issuer)
            .unwrap()
            .is_confined_by(&[Condition { claim, test }])
    }

    #[test]
    fn platforms_are_known_in_every_spelling() {
        for public in [
            GITHUB,
            "https://token.actions.githubusercontent.com/",
            "https://Token.Actions.GitHubUserContent.com:443//",
            "http://token.actions.githubusercontent.com",
            "https://token.actions.githubusercontent.com.",
            "https://gitlab.com",
            "https://GITLAB.com/",
            "https://accounts.google.com",
            "https://appleid.apple.com/",
        ] {
            assert!(platform(public).is_some(), "{public}");
        }
        for private in [
            "https://gitlab.example.com",
            "https://token.actions.githubusercontent.com/acme",
            "https://login.example.com",
            "spiffe://gitlab.com",
        ] {
            assert!(platform(private).is_none(), "{private}");
        }
        for known in &PLATFORMS {
            assert_eq!(platform(known.issuer), Some(known), "{}", known.name);
        }
    }

    #[test]
    fn a_condition_must_name_a_tenant() {
        let equals = |value: &str| Test::Equals(value.to_owned());
        let glob = |pattern: &str| Test::Glob(pattern.parse().unwrap());
        for (claim, test) in [
            ("repository_owner_id", equals("1234")),
            ("repository", equals("acme/app")),
            ("repository", glob("acme/*")),
            ("repository", glob("acme/app")),
            ("repository_owner", glob("acme")),
            ("sub", glob("repo:acme/*:ref:refs/heads/main")),
            ("repository_id", Test::OneOf(vec!["1".to_owned()])),
        ] {
            assert!(is_confined(GITHUB, claim, test.clone()), "{claim} {test:?}");
        }
        for (claim, test) in [
            ("aud", equals("cloakroom")),
            ("iss", equals(GITHUB)),
            ("ref", equals("refs/heads/main")),
            ("actor", equals("alice")),
            ("environment", equals("production")),
            ("repository_owner_id", equals("")),
            ("repository_owner_id", glob("*")),
            ("repository_owner_id", glob("12*")),
            ("repository_owner", glob("acme*")),
            ("repository", glob("*")),
            ("repository", glob("**")),
            ("repository", glob("*/app")),
            ("repository", glob("acme*/app")),
            ("repository", glob("/**")),
            ("sub", glob("repo:*")),
            ("sub", glob("repo:*/*:ref:refs/heads/main")),
            ("sub", glob("repo:acme*")),
            ("sub", glob("repo:/**")),
            ("repository_id", Test::OneOf(Vec::new())),
            ("repository_id", Test::OneOf(vec![String::new()])),
        ] {
            assert!(
                !is_confined(GITHUB, claim, test.clone()),
                "{claim} {test:?}"
            );
        }
        assert!(!platform(GITHUB).unwrap().is_confined_by(&[]));
    }
}
