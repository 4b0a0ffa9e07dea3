use sha2::{Digest, Sha256};

/// SHA-256 of a session token, in hex. The audit trail finds a session by it. Session tokens are made by
/// the store and cannot be guessed, so a slower hash would not make that harder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionTokenHash(String);

impl SessionTokenHash {
    /// The hash of the token; `None` if there is no token, as for a key pair without an end.
    #[must_use]
    pub fn of(token: &[u8]) -> Option<Self> {
        (!token.is_empty()).then(|| Self(hex::encode(Sha256::digest(token))))
    }

    /// The 64 hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_256_in_hex() {
        let hash = SessionTokenHash::of(b"abc").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.as_str(), expected);
    }

    #[test]
    fn no_token_has_no_hash() {
        assert_eq!(SessionTokenHash::of(b""), None);
    }
}
