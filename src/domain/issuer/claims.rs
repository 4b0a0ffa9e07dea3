use std::collections::BTreeMap;

/// Claims of a signed token by their names, as text: strings, whole numbers and booleans. A claim of
/// another kind is absent, like one that the token does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedClaims(BTreeMap<String, String>);

impl NamedClaims {
    /// The claim's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl FromIterator<(String, String)> for NamedClaims {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(claims: I) -> Self {
        Self(claims.into_iter().collect())
    }
}
