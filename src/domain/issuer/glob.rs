use std::str::FromStr;

/// The characters that `*` does not match.
const SEPARATORS: [char; 2] = ['/', ':'];

/// A pattern for the whole of a claim's value. `*` is any run of characters without `/` and `:`, `**`
/// any run of characters; both match nothing, too. Every other character is itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// `*`
    WithinPart,
    /// `**`
    Anything,
}

/// Not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGlob {
    /// It would match the empty value only.
    #[error("must not be empty")]
    Empty,
    /// `***` and more.
    #[error("has more than two * in a row")]
    Stars,
}

impl Glob {
    /// Whether the pattern matches all of the value.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        // Which beginnings of the value the tokens so far match, by their number of characters: time
        // grows with the lengths only, whatever the pattern.
        let value: Vec<char> = value.chars().collect();
        let mut reached = vec![false; value.len() + 1];
        if let Some(start) = reached.first_mut() {
            *start = true;
        }
        for token in &self.0 {
            reached = token.advance(&reached, &value);
        }
        reached.last().copied().unwrap_or_default()
    }

    /// What every matching value begins with.
    pub(super) fn literal_prefix(&self) -> String {
        let literal = |token: &Token| match token {
            Token::Literal(c) => Some(*c),
            Token::WithinPart | Token::Anything => None,
        };
        self.0.iter().map_while(literal).collect()
    }

    /// Whether it has no `*`.
    pub(super) fn is_literal(&self) -> bool {
        self.literal_prefix().chars().count() == self.0.len()
    }
}

impl Token {
    fn advance(&self, reached: &[bool], value: &[char]) -> Vec<bool> {
        let mut next = Vec::with_capacity(reached.len());
        let mut before: Option<(bool, bool, char)> = None;
        for (position, is_reached) in reached.iter().enumerate() {
            let is_next = match (self, before) {
                (Self::Literal(c), Some((was_reached, _, found))) => was_reached && found == *c,
                (Self::Literal(_), None) => false,
                (Self::Anything, Some((_, goes_on, _))) => *is_reached || goes_on,
                (Self::WithinPart, Some((_, goes_on, found))) => {
                    *is_reached || (goes_on && !SEPARATORS.contains(&found))
                }
                (Self::Anything | Self::WithinPart, None) => *is_reached,
            };
            next.push(is_next);
            before = value.get(position).map(|c| (*is_reached, is_next, *c));
        }
        next
    }
}

impl FromStr for Glob {
    type Err = InvalidGlob;

    fn from_str(text: &str) -> Result<Self, InvalidGlob> {
        if text.is_empty() {
            return Err(InvalidGlob::Empty);
        }
        let mut tokens = Vec::new();
        for c in text.chars() {
            match (c, tokens.last_mut()) {
                ('*', Some(last @ Token::WithinPart)) => *last = Token::Anything,
                ('*', Some(Token::Anything)) => return Err(InvalidGlob::Stars),
                ('*', _) => tokens.push(Token::WithinPart),
                (c, _) => tokens.push(Token::Literal(c)),
            }
        }
        Ok(Self(tokens))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, value: &str) -> bool {
        pattern.parse::<Glob>().unwrap().matches(value)
    }

    /// The definition, without care for time.
    fn by_definition(pattern: &str, value: &str) -> bool {
        if let Some(rest) = pattern.strip_prefix("**") {
            let ends = value.char_indices().map(|(at, _)| at).chain([value.len()]);
            return ends.into_iter().any(|at| by_definition(rest, &value[at..]));
        }
        if let Some(rest) = pattern.strip_prefix('*') {
            let end = value.find(SEPARATORS).unwrap_or(value.len());
            let run = &value[..end];
            let ends = run.char_indices().map(|(at, _)| at).chain([end]);
            return ends.into_iter().any(|at| by_definition(rest, &value[at..]));
        }
        match (pattern.chars().next(), value.chars().next()) {
            (None, None) => true,
            (Some(p), Some(v)) if p == v => {
                by_definition(&pattern[p.len_utf8()..], &value[v.len_utf8()..])
            }
            _ => false,
        }
    }

    #[test]
    fn a_pattern_matches_the_whole_value() {
        for (pattern, good, bad) in [
            ("refs/heads/main", "refs/heads/main", "refs/heads/main2"),
            ("refs/heads/main", "refs/heads/main", "xrefs/heads/main"),
            ("refs/heads/*", "refs/heads/main", "refs/heads/a/b"),
            ("refs/heads/*", "refs/heads/", "refs/tags/a"),
            ("refs/heads/**", "refs/heads/a/b", "refs/head"),
            (
                "repo:acme/*:ref:*",
                "repo:acme/app:ref:x",
                "repo:acme/app:ref:x:y",
            ),
            ("repo:acme/*", "repo:acme/app", "repo:acme-evil/app"),
            ("*", "main", "a/b"),
            ("**", "a/b:c", "\u{0}impossible"),
            ("a*b", "ab", "ac"),
            ("a.c", "a.c", "abc"),
            ("a?", "a?", "ab"),
            ("[a]", "[a]", "a"),
            ("A", "A", "a"),
            ("\u{e4}*", "\u{e4}b", "a\u{308}b"),
        ] {
            assert!(matches(pattern, good), "{pattern} {good}");
            if !bad.contains('\0') {
                assert!(!matches(pattern, bad), "{pattern} {bad}");
            }
        }
    }

    #[test]
    fn a_pattern_that_says_nothing_is_refused() {
        assert_eq!("".parse::<Glob>(), Err(InvalidGlob::Empty));
        for stars in ["***", "a****b"] {
            assert_eq!(stars.parse::<Glob>(), Err(InvalidGlob::Stars));
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let pattern = "*a**a".repeat(40);
        let value = "a".repeat(8_000);
        let started = std::time::Instant::now();
        assert!(matches(&pattern, &value));
        assert!(!matches(&format!("{pattern}b"), &value));
        assert!(started.elapsed().as_secs() < 10);
    }

    proptest! {
        #[test]
        fn a_pattern_matches_by_its_definition(
            pattern in "[ab/:*]{1,8}", value in "[ab/:\u{e4}]{0,8}"
        ) {
            prop_assume!(!pattern.contains("***"));
            prop_assert_eq!(matches(&pattern, &value), by_definition(&pattern, &value));
        }
    }
}
