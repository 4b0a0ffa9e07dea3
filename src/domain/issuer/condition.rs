use super::{Glob, NamedClaims};
use crate::domain::TokenError;

/// What a claim of every token of an issuer must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The claim's name ([`check_claim_name`](super::check_claim_name)).
    pub claim: String,
    /// What its value must be.
    pub test: Test,
}

/// A test of a claim's value. Values are compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// It is this value.
    Equals(String),
    /// It is one of these values.
    OneOf(Vec<String>),
    /// It matches this pattern.
    Glob(Glob),
}

impl Condition {
    /// Checks the claim.
    ///
    /// # Errors
    ///
    /// [`TokenError::MissingNamedClaim`] or [`TokenError::ConditionFailed`].
    pub fn check(&self, claims: &NamedClaims) -> Result<(), TokenError> {
        let value = claims.get(&self.claim);
        let value = value.ok_or(TokenError::MissingNamedClaim)?;
        let holds = match &self.test {
            Test::Equals(wanted) => value == wanted,
            Test::OneOf(wanted) => wanted.iter().any(|wanted| value == wanted),
            Test::Glob(glob) => glob.matches(value),
        };
        holds.then_some(()).ok_or(TokenError::ConditionFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(test: Test, value: Option<&str>) -> Result<(), TokenError> {
        let claim = value.map(|value| ("ref".to_owned(), value.to_owned()));
        let condition = Condition {
            claim: "ref".to_owned(),
            test,
        };
        condition.check(&claim.into_iter().collect())
    }

    #[test]
    fn a_value_is_compared_exactly() {
        let equals = || Test::Equals("main".to_owned());
        let one_of = || Test::OneOf(vec!["dev".to_owned(), "main".to_owned()]);
        let glob = || Test::Glob("ma*".parse().unwrap());
        for test in [equals, one_of, glob] as [fn() -> Test; 3] {
            assert_eq!(check(test(), Some("main")), Ok(()));
            for other in ["Main", " main", "", "domain", "m\u{430}in"] {
                let failed = Err(TokenError::ConditionFailed);
                assert_eq!(check(test(), Some(other)), failed, "{other}");
            }
            assert_eq!(check(test(), None), Err(TokenError::MissingNamedClaim));
        }
    }
}
