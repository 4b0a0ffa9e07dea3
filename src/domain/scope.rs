use super::text::impl_text;

/// One scope word (`scope-token` of RFC 6749 section 3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope(String);

/// Not a single `scope-token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not one scope word (RFC 6749 section 3.3)")]
pub struct InvalidScope;

impl_text!(Scope);

impl Scope {
    /// Checks the grammar of `scope-token`.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] when the word is empty or holds a space, a quote, a backslash or anything
    /// that is not printable ASCII.
    pub fn parse(word: &str) -> Result<Self, InvalidScope> {
        let allowed = |b: u8| (0x21..=0x7e).contains(&b) && b != b'"' && b != b'\\';
        if word.is_empty() || !word.bytes().all(allowed) {
            return Err(InvalidScope);
        }
        Ok(Self(word.to_owned()))
    }

    /// Whether a `scope` claim holds this word. Words are separated by single spaces and compared
    /// exactly: a prefix or another case does not match.
    #[must_use]
    pub fn is_granted_by(&self, claim: &str) -> bool {
        claim.split(' ').any(|word| word == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_word_grants() {
        let scope = Scope::parse("com.cleverbase.storage").unwrap();
        for claim in ["com.cleverbase.storage", "openid com.cleverbase.storage x"] {
            assert!(scope.is_granted_by(claim), "{claim}");
        }
        for claim in [
            "",
            "com.cleverbase.storage2",
            "com.cleverbase",
            "COM.CLEVERBASE.STORAGE",
            "x,com.cleverbase.storage",
            "com.cleverbase.storage\tx",
        ] {
            assert!(!scope.is_granted_by(claim), "{claim}");
        }
    }

    #[test]
    fn a_scope_is_one_word() {
        for bad in ["", "a b", "a\"", "a\\", "\u{e4}", "a\n"] {
            assert_eq!(Scope::parse(bad), Err(InvalidScope));
        }
    }
}
