use std::fmt;
use std::str::FromStr;

use super::IssuerName;

/// The longest `sub` or client id accepted, in bytes (docs/call.md).
pub const MAX_IDENTIFIER_BYTES: usize = 255;

/// An OAuth client identifier (RFC 6749 section 2.2), exactly as the authorization server wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(String);

/// The `sub` of a token (RFC 7519 section 4.1.2), exactly as the authorization server wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject(String);

/// A person or a workload that uses a client. Each owns a bucket.
///
/// A machine client (`sub` = `client_id`) is a principal, too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The issuer that names the two; `oauth.issuer` if `None`.
    pub issuer: Option<IssuerName>,
    /// The client that the person uses.
    pub client_id: ClientId,
    /// The person, as the authorization server names them.
    pub subject: Subject,
}

/// The text is no principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected [\"client id\",\"subject\"], or [\"issuer\",\"client id\",\"subject\"] for an issuer of \
     issuers.*"
)]
pub struct InvalidPrincipal;

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

impl Principal {
    /// Whether it is the person with this subject, through any client. The same subject at an issuer
    /// of `issuers.*` is somebody else.
    #[must_use]
    pub fn is_person(&self, subject: &Subject) -> bool {
        self.issuer.is_none() && self.subject == *subject
    }
}

impl fmt::Display for Principal {
    /// A JSON array, which is unambiguous for any values: the client id and the subject, after the
    /// name of the issuer if it is one of `issuers.*`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuer = self.issuer.as_ref().map(IssuerName::as_str);
        let pair = [self.client_id.as_str(), self.subject.as_str()];
        let parts: Vec<&str> = issuer.into_iter().chain(pair).collect();
        f.write_str(&serde_json::to_string(&parts).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Principal {
    type Err = InvalidPrincipal;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, InvalidPrincipal> {
        let parts: Vec<String> = serde_json::from_str(text).map_err(|_| InvalidPrincipal)?;
        let (issuer, client_id, subject) = match parts.as_slice() {
            [client_id, subject] => (None, client_id, subject),
            [issuer, client_id, subject] => (Some(issuer), client_id, subject),
            _ => return Err(InvalidPrincipal),
        };
        let issuer = issuer.map(|name| name.parse()).transpose();
        Ok(Self {
            issuer: issuer.map_err(|_| InvalidPrincipal)?,
            client_id: ClientId::parse(client_id).map_err(|_| InvalidPrincipal)?,
            subject: Subject::parse(subject).map_err(|_| InvalidPrincipal)?,
        })
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
    fn a_principal_is_written_and_read_as_json() {
        for text in [
            r#"["demo","alice"]"#,
            r#"["github","demo","alice"]"#,
            r#"["a\"b","c,d"]"#,
        ] {
            assert_eq!(text.parse::<Principal>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "demo/alice",
            "[]",
            r#"["alice"]"#,
            r#"["GitHub","demo","alice"]"#,
            r#"["","demo","alice"]"#,
            r#"["demo",""]"#,
            r#"["demo",7]"#,
            r#"["a","b","c","d"]"#,
        ] {
            assert_eq!(bad.parse::<Principal>(), Err(InvalidPrincipal), "{bad}");
        }
    }

    #[test]
    fn a_subject_of_another_issuer_is_another_person() {
        let alice = Subject::parse("alice").unwrap();
        let is_alice = |text: &str| text.parse::<Principal>().unwrap().is_person(&alice);
        assert!(is_alice(r#"["demo","alice"]"#));
        assert!(!is_alice(r#"["github","demo","alice"]"#));
    }

    #[test]
    fn the_length_counts_bytes() {
        assert_eq!(
            Subject::parse(&"\u{e4}".repeat(128)),
            Err(InvalidIdentifier::TooLong)
        );
    }
}
