use std::str::FromStr;

use super::{InvalidClaimName, NamedClaims, check_claim_name};
use crate::domain::{ClientId, TokenError};

/// How a subject or a client id is made from claims: a claim's name ([`check_claim_name`]), or text with
/// claims in braces, such as `{project_id}:{ref}`.
///
/// Two different lists of values never make the same text: text stands between any two claims, and a
/// value must not hold the first character of the text that follows it (the last claim's may).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimTemplate {
    text: String,
    before: String,
    /// Each claim, and the text that follows it.
    claims: Vec<(String, String)>,
}

/// Not a claim's name or a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// A claim without a name, or with a bad one.
    #[error(transparent)]
    Claim(#[from] InvalidClaimName),
    /// Braces that do not belong together.
    #[error("expected a claim's name, or text with claims in braces: {{project_id}}:{{ref}}")]
    Braces,
    /// Two claims side by side.
    #[error("needs text between two claims: without it, different values could look the same")]
    NoSeparator,
}

/// Where a caller's client id comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientIdSource {
    /// `client_id`, else `azp`.
    #[default]
    Standard,
    /// The same for all callers.
    Fixed(ClientId),
    /// From claims.
    Claims(ClaimTemplate),
}

/// What `client_id` of an issuer begins with if it is the same for all callers.
const FIXED: &str = "fixed:";

impl ClaimTemplate {
    /// The names of its claims.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.claims.iter().map(|(claim, _)| claim.as_str())
    }

    /// The template as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Puts the claims in.
    ///
    /// # Errors
    ///
    /// [`TokenError::MissingNamedClaim`], or [`TokenError::AmbiguousClaim`] if a value holds the
    /// character that ends it.
    pub fn fill(&self, values: &NamedClaims) -> Result<String, TokenError> {
        let mut filled = self.before.clone();
        let last = self.claims.len().saturating_sub(1);
        for (position, (claim, after)) in self.claims.iter().enumerate() {
            let value = values.get(claim).ok_or(TokenError::MissingNamedClaim)?;
            let end = after.chars().next();
            if position < last && end.is_some_and(|end| value.contains(end)) {
                return Err(TokenError::AmbiguousClaim);
            }
            filled.push_str(value);
            filled.push_str(after);
        }
        Ok(filled)
    }
}

impl FromStr for ClaimTemplate {
    type Err = InvalidTemplate;

    fn from_str(text: &str) -> Result<Self, InvalidTemplate> {
        let (before, claims) = match text.split_once('{') {
            None if text.contains('}') => return Err(InvalidTemplate::Braces),
            None => (String::new(), vec![(text.to_owned(), String::new())]),
            Some((before, rest)) => (before.to_owned(), claims(rest)?),
        };
        if before.contains('}') {
            return Err(InvalidTemplate::Braces);
        }
        for (claim, _) in &claims {
            check_claim_name(claim)?;
        }
        let between = claims.iter().rev().skip(1);
        if between.into_iter().any(|(_, after)| after.is_empty()) {
            return Err(InvalidTemplate::NoSeparator);
        }
        Ok(Self {
            text: text.to_owned(),
            before,
            claims,
        })
    }
}

/// The claims of the text that follows the first brace.
fn claims(text: &str) -> Result<Vec<(String, String)>, InvalidTemplate> {
    let claims = text.split('{').map(|part| {
        let (claim, after) = part.split_once('}').ok_or(InvalidTemplate::Braces)?;
        if after.contains('}') {
            return Err(InvalidTemplate::Braces);
        }
        Ok((claim.to_owned(), after.to_owned()))
    });
    claims.collect()
}

impl ClientIdSource {
    /// Reads `fixed:` and a client id, or a [`ClaimTemplate`].
    ///
    /// # Errors
    ///
    /// What is wrong with it, for the operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix(FIXED) {
            Some(fixed) => match ClientId::parse(fixed) {
                Ok(client_id) => Ok(Self::Fixed(client_id)),
                Err(error) => Err(format!("the client id {error}")),
            },
            None => match text.parse() {
                Ok(template) => Ok(Self::Claims(template)),
                Err(error) => Err(InvalidTemplate::to_string(&error)),
            },
        }
    }

    /// The names of its claims, besides the standard ones.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        let template = match self {
            Self::Claims(template) => Some(template),
            Self::Standard | Self::Fixed(_) => None,
        };
        template.into_iter().flat_map(ClaimTemplate::claims)
    }

    /// As the configuration writes it.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Standard => String::new(),
            Self::Fixed(client_id) => format!("{FIXED}{}", client_id.as_str()),
            Self::Claims(template) => template.as_str().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(template: &str, values: &[(&str, &str)]) -> Result<String, TokenError> {
        let values = values.iter();
        let values = values.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let template: ClaimTemplate = template.parse().unwrap();
        template.fill(&values.collect())
    }

    #[test]
    fn claims_are_put_in() {
        let claims = [
            ("id", "7"),
            ("ref", "refs/heads/main"),
            ("a.b", "x"),
            ("/kubernetes.io/namespace", "team-a"),
        ];
        for (template, expected) in [
            ("id", "7"),
            ("a.b", "x"),
            ("{id}", "7"),
            ("repo-{id}", "repo-7"),
            ("{id}:{ref}", "7:refs/heads/main"),
            ("{id}:{ref}!", "7:refs/heads/main!"),
            ("{id}--{id}", "7--7"),
            ("/kubernetes.io/namespace", "team-a"),
            ("{/kubernetes.io/namespace}:{id}", "team-a:7"),
        ] {
            assert_eq!(filled(template, &claims).unwrap(), expected);
        }
    }

    #[test]
    fn a_claim_that_is_missing_or_holds_the_separator_is_refused() {
        assert_eq!(filled("id", &[]), Err(TokenError::MissingNamedClaim));
        let values = [("a", "x/y"), ("b", "z")];
        assert_eq!(filled("{a}/{b}", &values), Err(TokenError::AmbiguousClaim));
        assert_eq!(filled("{b}/{a}", &values).unwrap(), "z/x/y");
        let values = [("a", "x-"), ("b", "z")];
        assert_eq!(filled("{a}--{b}", &values), Err(TokenError::AmbiguousClaim));
    }

    #[test]
    fn a_bad_template_is_refused() {
        for (bad, why) in [
            ("", InvalidTemplate::Claim(InvalidClaimName::Empty)),
            ("{}", InvalidTemplate::Claim(InvalidClaimName::Empty)),
            ("/a/", InvalidTemplate::Claim(InvalidClaimName::Pointer)),
            ("{a}:{/}", InvalidTemplate::Claim(InvalidClaimName::Pointer)),
            ("{a", InvalidTemplate::Braces),
            ("a}", InvalidTemplate::Braces),
            ("}{a}", InvalidTemplate::Braces),
            ("{a}}", InvalidTemplate::Braces),
            ("{{a}}", InvalidTemplate::Braces),
            ("{a}{b}", InvalidTemplate::NoSeparator),
            ("x{a}-{b}{c}", InvalidTemplate::NoSeparator),
        ] {
            assert_eq!(bad.parse::<ClaimTemplate>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_client_id_is_fixed_or_claimed() {
        let fixed = ClientIdSource::parse("fixed:github").unwrap();
        assert_eq!(
            fixed,
            ClientIdSource::Fixed(ClientId::parse("github").unwrap())
        );
        for text in ["fixed:github", "azp", "{project_id}"] {
            assert_eq!(ClientIdSource::parse(text).unwrap().to_text(), text);
        }
        for bad in ["fixed:", "fixed:a\nb", "", "{a}{b}"] {
            assert!(ClientIdSource::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn different_values_never_make_the_same_text(
            separators in ("[-/:]{1,2}", "[-/:]{1,2}"),
            one in ("[a/:-]{0,4}", "[a/:-]{0,4}", "[a/:-]{0,4}"),
            other in ("[a/:-]{0,4}", "[a/:-]{0,4}", "[a/:-]{0,4}"),
        ) {
            prop_assume!(one != other);
            let template = format!("x{{a}}{}{{b}}{}{{c}}/y", separators.0, separators.1);
            let fill = |(a, b, c): &(String, String, String)| {
                filled(&template, &[("a", a), ("b", b), ("c", c)])
            };
            if let (Ok(one), Ok(other)) = (fill(&one), fill(&other)) {
                prop_assert_ne!(one, other);
            }
        }
    }
}
