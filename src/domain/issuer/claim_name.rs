//! How settings name claims: by a name, or by a JSON Pointer (RFC 6901) to a claim within a claim, such as
//! `/kubernetes.io/namespace`.

/// What a JSON Pointer begins with.
const SLASH: char = '/';

/// The text does not name a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClaimName {
    /// It is empty.
    #[error("must name a claim")]
    Empty,
    /// It begins with a slash and is no JSON Pointer, or one with an empty part.
    #[error(
        "begins with a slash, but is no JSON Pointer to a claim within a claim: \
         /kubernetes.io/namespace (in a name, ~1 stands for / and ~0 for ~)"
    )]
    Pointer,
}

/// Checks a claim's name.
///
/// # Errors
///
/// [`InvalidClaimName`]
pub fn check_claim_name(name: &str) -> Result<(), InvalidClaimName> {
    if name.is_empty() {
        return Err(InvalidClaimName::Empty);
    }
    let pointer = name.strip_prefix(SLASH);
    let is_part = |part: &str| !part.is_empty() && unescape(part).is_some();
    if pointer.is_some_and(|pointer| !pointer.split(SLASH).all(is_part)) {
        return Err(InvalidClaimName::Pointer);
    }
    Ok(())
}

/// The names of the members that lead to a claim, the outermost first. A name that does not begin with a
/// slash is one member's, whatever else it holds.
#[must_use]
pub fn members_of_claim(name: &str) -> Vec<String> {
    match name.strip_prefix(SLASH) {
        Some(pointer) => pointer.split(SLASH).filter_map(unescape).collect(),
        None => vec![name.to_owned()],
    }
}

/// `None` if a `~` is not followed by 0 or 1.
fn unescape(part: &str) -> Option<String> {
    let mut pieces = part.split('~');
    let first = pieces.next().unwrap_or_default();
    pieces.try_fold(first.to_owned(), |text, piece| {
        let piece = match piece.split_at_checked(1)? {
            ("0", rest) => format!("~{rest}"),
            ("1", rest) => format!("/{rest}"),
            _ => return None,
        };
        Some(text + &piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_begins_with_a_slash_leads_into_claims() {
        for (name, members) in [
            ("sub", vec!["sub"]),
            ("kubernetes.io", vec!["kubernetes.io"]),
            (
                "https://slack.com/team_id",
                vec!["https://slack.com/team_id"],
            ),
            ("a~1b", vec!["a~1b"]),
            ("/sub", vec!["sub"]),
            (
                "/kubernetes.io/namespace",
                vec!["kubernetes.io", "namespace"],
            ),
            ("/a~1b/c~0d/~01", vec!["a/b", "c~d", "~1"]),
        ] {
            assert_eq!(check_claim_name(name), Ok(()), "{name}");
            assert_eq!(members_of_claim(name), members, "{name}");
        }
    }

    #[test]
    fn a_bad_pointer_is_refused() {
        assert_eq!(check_claim_name(""), Err(InvalidClaimName::Empty));
        for bad in ["/", "//", "/a/", "//a", "/a//b", "/a~", "/a~2", "/~\u{e9}"] {
            assert_eq!(
                check_claim_name(bad),
                Err(InvalidClaimName::Pointer),
                "{bad}"
            );
        }
    }
}
