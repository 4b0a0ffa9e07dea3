use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::text::{impl_text, is_hex};

const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 24;
const CHECKSUM_BYTES: usize = 4;
const ID_CHARS: usize = ApiKey::PREFIX.len() + 2 * ID_BYTES;
const KEY_CHARS: usize = ID_CHARS + 2 * (SECRET_BYTES + CHECKSUM_BYTES);

/// An API key: `ck_`, 16 hex digits that name it, 48 of the secret, and 8 of a checksum, which tells a
/// typo from a key that was good once.
#[derive(Clone)]
pub struct ApiKey {
    id: ApiKeyId,
    text: SecretString,
}

/// The public part of an API key, its first 19 characters. Lists, logs and the audit trail show it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ApiKeyId(String);

/// SHA-256 of a whole API key. The key is random, so a slower hash would not make it harder to guess.
#[derive(Clone)]
pub struct ApiKeyHash(pub [u8; 32]);

/// Not an API key of this gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidApiKey {
    /// It does not have the form of an API key.
    #[error("is not an API key of this gateway")]
    Foreign,
    /// It has the form, and its checksum is wrong.
    #[error("has a typo: its checksum does not hold")]
    Typo,
}

/// Not the public part of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected ck_ and 16 hex digits, as `cloakroom api-key list` shows them")]
pub struct InvalidApiKeyId;

impl_text!(ApiKeyId);

impl ApiKey {
    /// What every API key starts with.
    pub const PREFIX: &str = "ck_";

    /// Makes a key from random bits. If they come from a generator of UUIDs, which fixes 6 of each 128
    /// bits, more than 180 bits of the secret are random.
    #[must_use]
    pub fn from_random(bits: [[u8; 16]; 3]) -> Self {
        let [id, secret, more] = bits.map(hex::encode);
        let id = format!("{}{id:.width$}", Self::PREFIX, width = 2 * ID_BYTES);
        let more = &more[more.len() - 2 * (SECRET_BYTES - 16)..];
        let body = format!("{id}{secret}{more}");
        let text = format!("{body}{}", checksum(&body));
        Self {
            id: ApiKeyId(id),
            text: text.into(),
        }
    }

    /// Checks the form and the checksum.
    ///
    /// # Errors
    ///
    /// [`InvalidApiKey`] when the text cannot be a key, so that the registry need not be asked.
    pub fn parse(text: &str) -> Result<Self, InvalidApiKey> {
        let (id, _) = text
            .split_at_checked(ID_CHARS)
            .ok_or(InvalidApiKey::Foreign)?;
        let id = id.parse().map_err(|_| InvalidApiKey::Foreign)?;
        let split = text.split_at_checked(KEY_CHARS - 2 * CHECKSUM_BYTES);
        let (body, sum) = split.ok_or(InvalidApiKey::Typo)?;
        if sum != checksum(body) {
            return Err(InvalidApiKey::Typo);
        }
        Ok(Self {
            id,
            text: text.into(),
        })
    }

    /// Whether the text has the form of an API key, even of a mistyped or incomplete one: it may hold
    /// one of our secrets. `ck_` alone does not count, because base64url has these characters.
    #[must_use]
    pub fn has_form(text: &str) -> bool {
        Self::parse(text).err() != Some(InvalidApiKey::Foreign)
    }

    /// The public part.
    #[must_use]
    pub fn id(&self) -> &ApiKeyId {
        &self.id
    }

    /// What the registry holds of the key.
    #[must_use]
    pub fn hash(&self) -> ApiKeyHash {
        ApiKeyHash(Sha256::digest(self.text.expose_secret()).into())
    }

    /// The whole key, to be shown once.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({})", self.id)
    }
}

impl ApiKeyHash {
    /// Whether the two are equal, compared in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Debug for ApiKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyHash(redacted)")
    }
}

impl FromStr for ApiKeyId {
    type Err = InvalidApiKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidApiKeyId> {
        let digits = text.strip_prefix(ApiKey::PREFIX).ok_or(InvalidApiKeyId)?;
        if digits.len() == 2 * ID_BYTES && is_hex(digits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidApiKeyId)
        }
    }
}

fn checksum(body: &str) -> String {
    let digest = hex::encode(Sha256::digest(body));
    format!("{digest:.width$}", width = 2 * CHECKSUM_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKey {
        ApiKey::from_random([[0x11; 16], [0x22; 16], [0x33; 16]])
    }

    #[test]
    fn a_key_is_its_id_a_secret_and_a_checksum() {
        let key = key();
        let text = key.expose();
        assert_eq!(text.len(), KEY_CHARS);
        assert_eq!(key.id().as_str(), "ck_1111111111111111");
        let secret = format!("{}{}", "22".repeat(16), "33".repeat(8));
        assert_eq!(&text[ID_CHARS..KEY_CHARS - 8], secret);
        assert!(ApiKey::parse(text).unwrap().hash().matches(&key.hash()));
        let other = ApiKey::from_random([[0x11; 16], [0x22; 16], [0x34; 16]]);
        assert!(!other.hash().matches(&key.hash()));
    }

    #[test]
    fn a_typo_anywhere_is_noticed() {
        let text = key().expose().to_owned();
        for at in 3..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            let typo = String::from_utf8(bytes).unwrap();
            assert_eq!(ApiKey::parse(&typo).unwrap_err(), InvalidApiKey::Typo);
        }
        for typo in [&text[..text.len() - 1], &format!("{text}0")] {
            assert_eq!(ApiKey::parse(typo).unwrap_err(), InvalidApiKey::Typo);
        }
    }

    #[test]
    fn what_is_no_key_is_foreign() {
        for text in [
            "",
            "ck_",
            "<api-key>",
            "ck_\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}",
        ] {
            assert_eq!(ApiKey::parse(text).unwrap_err(), InvalidApiKey::Foreign);
        }
        let capitals = key().expose().to_uppercase();
        assert!(ApiKey::parse(&capitals).is_err());
    }

    #[test]
    fn nothing_prints_a_key() {
        let key = key();
        assert_eq!(format!("{key:?}"), "ApiKey(ck_1111111111111111)");
        assert_eq!(format!("{:?}", key.hash()), "ApiKeyHash(redacted)");
    }
}
