use std::fmt;

/// The longest `sub` or client id accepted, in bytes (docs/call.md).
pub const MAX_IDENTIFIER_BYTES: usize = 255;

/// An OAuth client identifier (RFC 6749 section 2.2), exactly as the authorization server wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(String);

/// The `sub` of a token (RFC 7519 section 4.1.2), exactly as the authorization server wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject(String);

/// A person who uses a client. Each such pair owns a bucket.
///
/// A machine client (`sub` = `client_id`) is a principal, too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The client that the person uses.
    pub client_id: ClientId,
    /// The person, as the authorization server names them.
    pub subject: Subject,
}

/// Why a claim's value cannot be an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentifier {
    /// The empty string.
    #[error("is empty")]
    Empty,
    /// More than [`MAX_IDENTIFIER_BYTES`] bytes.
    #[error("is longer than {MAX_IDENTIFIER_BYTES} bytes")]
    TooLong,
    /// A control character, NUL among them, which separates the fields of the bucket's message.
    #[error("holds a control character")]
    ControlCharacter,
}

impl ClientId {
    /// Takes the value as it is: nothing is trimmed, folded or normalised.
    ///
    /// # Errors
    ///
    /// [`InvalidIdentifier`] when it is empty, too long or holds a control character.
    pub fn parse(value: &str) -> Result<Self, InvalidIdentifier> {
        checked(value).map(Self)
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Subject {
    /// Takes the value as it is: nothing is trimmed, folded or normalised.
    ///
    /// # Errors
    ///
    /// [`InvalidIdentifier`] when it is empty, too long or holds a control character.
    pub fn parse(value: &str) -> Result<Self, InvalidIdentifier> {
        checked(value).map(Self)
    }

    /// The subject as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Principal {
    /// A JSON array, which is unambiguous for any two values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pair = [self.client_id.as_str(), self.subject.as_str()];
        f.write_str(&serde_json::to_string(&pair).map_err(|_| fmt::Error)?)
    }
}

fn checked(value: &str) -> Result<String, InvalidIdentifier> {
    if value.is_empty() {
        return Err(InvalidIdentifier::Empty);
    }
    if value.len() > MAX_IDENTIFIER_BYTES {
        return Err(InvalidIdentifier::TooLong);
    }
    if value.chars().any(char::is_control) {
        return Err(InvalidIdentifier::ControlCharacter);
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_taken_as_it_is() {
        for value in [" alice ", "Alice", "a\u{308}", "\u{e4}", "../bob", "*"] {
            assert_eq!(Subject::parse(value).unwrap().as_str(), value);
        }
    }

    #[test]
    fn an_invalid_identifier_is_refused() {
        assert_eq!(Subject::parse(""), Err(InvalidIdentifier::Empty));
        assert_eq!(
            ClientId::parse(&"x".repeat(256)),
            Err(InvalidIdentifier::TooLong)
        );
        assert!(ClientId::parse(&"x".repeat(255)).is_ok());
        for control in ["\0", "a\nb", "\u{7f}", "\u{85}"] {
            assert_eq!(
                Subject::parse(control),
                Err(InvalidIdentifier::ControlCharacter)
            );
        }
    }

    #[test]
    fn the_length_counts_bytes() {
        assert_eq!(
            Subject::parse(&"\u{e4}".repeat(128)),
            Err(InvalidIdentifier::TooLong)
        );
    }
}
