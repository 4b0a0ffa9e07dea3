use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::text::{impl_text, is_hex, is_plain};
use super::{BucketPrefix, Owner, OwnerDigest, OwnerPseudonym};

/// The fewest hex digits of the digest that a name may hold: 128 bits, so that finding two owners
/// with the same name is infeasible (docs/call.md).
pub const MIN_DIGITS: usize = 32;

/// The marker in the names of the buckets that `cloakroom doctor` makes.
const THROW_AWAY: &str = "doctor-";
const THROW_AWAY_DIGITS: usize = 24;

/// The shortest and the longest bucket name of S3.
const MIN_NAME_CHARS: usize = 3;
const MAX_NAME_CHARS: usize = 63;

/// The name of a bucket: 3 to 63 characters of `[a-z0-9-.]`.
///
/// It enters session policies, where `*`, `?` and `$` would widen them, so the alphabet has none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BucketName(String);

/// How a bucket's name follows from its owner (docs/call.md).
#[derive(Clone, Debug, Default)]
pub struct BucketFormula {
    prefix: String,
    suffix: String,
    namespace: String,
    secret: Option<NamingSecret>,
}

/// The key of the digest, where one is configured (`naming.secret`).
#[derive(Clone)]
pub struct NamingSecret(Hmac<Sha256>);

/// Why a formula is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BucketFormulaError {
    /// Prefix and suffix leave fewer than [`MIN_DIGITS`] digits.
    #[error("prefix and suffix leave fewer than {MIN_DIGITS} hex digits of a 63-character name")]
    TooLong,
    /// The prefix is not the start of a bucket name.
    #[error(
        "the prefix must be of [a-z0-9-.], start with a letter or digit, without '..', '.-' or '-.'"
    )]
    Prefix,
    /// The suffix is not the end of a bucket name.
    #[error(
        "the suffix must be of [a-z0-9-.], end with a letter or digit, without '..', '.-' or '-.'"
    )]
    Suffix,
    /// S3 reserves the names.
    #[error(
        "S3 reserves the prefixes xn--, sthree- and amzn-s3-demo- and the suffixes -s3alias, --ol-s3, .mrap, --x-s3 and --table-s3"
    )]
    Reserved,
    /// A NUL would let two owners share a message.
    #[error("the namespace must not hold control characters")]
    Namespace,
    /// An empty secret protects nothing.
    #[error("the secret must not be empty")]
    Secret,
}

/// Not a bucket name that every S3-compatible store accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a bucket name: 3 to 63 of the characters a-z, 0-9, - and ., a letter or digit at each \
     end, without '..', '.-' or '-.', not like an IP address and not reserved"
)]
pub struct InvalidBucketName;

impl_text!(BucketName);

impl FromStr for BucketName {
    type Err = InvalidBucketName;

    /// By the naming rules of S3's user guide.
    fn from_str(name: &str) -> Result<Self, InvalidBucketName> {
        let is_name = (MIN_NAME_CHARS..=MAX_NAME_CHARS).contains(&name.len())
            && is_part(name)
            && !name.starts_with(['-', '.'])
            && !name.ends_with(['-', '.'])
            && !is_reserved(name, name)
            && name.parse::<Ipv4Addr>().is_err();
        is_name
            .then(|| Self(name.to_owned()))
            .ok_or(InvalidBucketName)
    }
}

impl NamingSecret {
    /// Takes the secret as it is.
    ///
    /// # Errors
    ///
    /// [`BucketFormulaError::Secret`] when it is empty.
    pub fn parse(secret: &SecretString) -> Result<Self, BucketFormulaError> {
        let key = secret.expose_secret().as_bytes();
        if key.is_empty() {
            return Err(BucketFormulaError::Secret);
        }
        Hmac::new_from_slice(key)
            .map(Self)
            .map_err(|_| BucketFormulaError::Secret)
    }

    fn hmac<'a>(&self, message: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
        let mut hmac = self.0.clone();
        for part in message {
            hmac.update(part);
        }
        hmac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for NamingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NamingSecret(redacted)")
    }
}

impl BucketFormula {
    /// Checks that S3 accepts every name that the formula makes.
    ///
    /// # Errors
    ///
    /// [`BucketFormulaError`] says which part is wrong.
    pub fn new(
        prefix: &str,
        suffix: &str,
        namespace: &str,
        secret: Option<NamingSecret>,
    ) -> Result<Self, BucketFormulaError> {
        if prefix.len() + suffix.len() + MIN_DIGITS > MAX_NAME_CHARS {
            return Err(BucketFormulaError::TooLong);
        }
        if !is_part(prefix) || prefix.starts_with(['-', '.']) {
            return Err(BucketFormulaError::Prefix);
        }
        if !is_part(suffix) || suffix.ends_with(['-', '.']) {
            return Err(BucketFormulaError::Suffix);
        }
        if is_reserved(prefix, suffix) {
            return Err(BucketFormulaError::Reserved);
        }
        if namespace.chars().any(char::is_control) {
            return Err(BucketFormulaError::Namespace);
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
            namespace: namespace.to_owned(),
            secret,
        })
    }

    /// SHA-256 of `namespace NUL field NUL field`, or HMAC-SHA-256 of it under `naming.secret`. A
    /// change to one byte of this message gives every owner another bucket.
    #[must_use]
    pub fn digest(&self, owner: &Owner) -> OwnerDigest {
        let fields = owner.message_fields();
        let fields = fields
            .iter()
            .flat_map(|field| [&b"\0"[..], field.as_bytes()]);
        let message = std::iter::once(self.namespace.as_bytes()).chain(fields);
        if let Some(secret) = &self.secret {
            return OwnerDigest(secret.hmac(message));
        }
        let mut hash = Sha256::new();
        for part in message {
            Digest::update(&mut hash, part);
        }
        OwnerDigest(hash.finalize().into())
    }

    /// A name for a throw-away bucket. It cannot be an owner's: the marker is not made of hex digits.
    /// `cloakroom doctor` works in such buckets and finds them again by their names.
    #[must_use]
    pub fn throw_away(&self, random: [u8; 16]) -> BucketName {
        let digits = &hex::encode(random)[..THROW_AWAY_DIGITS];
        BucketName(format!(
            "{}{THROW_AWAY}{digits}{}",
            self.prefix, self.suffix
        ))
    }

    /// The name, if it is one of [`BucketFormula::throw_away`].
    #[must_use]
    pub fn as_throw_away(&self, name: &str) -> Option<BucketName> {
        let digits = name
            .strip_prefix(&self.prefix)?
            .strip_suffix(&self.suffix)?
            .strip_prefix(THROW_AWAY)?;
        let ours = digits.len() == THROW_AWAY_DIGITS && is_hex(digits);
        ours.then(|| BucketName(name.to_owned()))
    }

    /// Prefix, as many digits of the digest as fit into 63 characters, suffix.
    #[must_use]
    pub fn bucket(&self, owner: &Owner) -> BucketName {
        let digits = MAX_NAME_CHARS - self.prefix.len() - self.suffix.len();
        let digest = self.digest(owner).to_hex();
        BucketName(format!("{}{digest:.digits$}{}", self.prefix, self.suffix))
    }

    /// What the bucket of a person with this pseudonym begins with.
    #[must_use]
    pub fn start_of_bucket(&self, pseudonym: &OwnerPseudonym) -> String {
        format!("{}{pseudonym}", self.prefix)
    }

    /// Whether this could be the bucket of an owner.
    #[must_use]
    pub fn could_make(&self, name: &BucketName) -> bool {
        let digits = name
            .as_str()
            .strip_prefix(&self.prefix)
            .and_then(|rest| rest.strip_suffix(&self.suffix));
        name.as_str().len() == MAX_NAME_CHARS && digits.is_some_and(is_hex)
    }

    /// Whether an owner's bucket could begin with this prefix.
    #[must_use]
    pub fn could_begin_with(&self, prefix: &BucketPrefix) -> bool {
        let prefix = prefix.as_str();
        self.prefix.starts_with(prefix) || prefix.strip_prefix(&self.prefix).is_some_and(is_hex)
    }

    /// What the registry stores of the formula, by part, so that a change can be refused and
    /// explained. The secret appears as a keyed digest.
    #[must_use]
    pub fn fingerprint(&self) -> Vec<(String, String)> {
        let secret = self.secret.as_ref().map_or_else(String::new, |secret| {
            let message = &b"cloakroom naming.secret fingerprint"[..];
            hex::encode(secret.hmac(std::iter::once(message)))
        });
        let parts = [
            ("naming.prefix", self.prefix.clone()),
            ("naming.suffix", self.suffix.clone()),
            ("naming.namespace", self.namespace.clone()),
            ("naming.secret", secret),
        ];
        let parts = parts.map(|(name, value)| (name.to_owned(), value));
        parts.into()
    }
}

fn is_part(part: &str) -> bool {
    is_plain(part) && !["..", ".-", "-."].iter().any(|pair| part.contains(pair))
}

fn is_reserved(prefix: &str, suffix: &str) -> bool {
    ["xn--", "sthree-", "amzn-s3-demo-"]
        .iter()
        .any(|r| prefix.starts_with(r))
        || ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|r| suffix.ends_with(r))
}

#[cfg(test)]
mod tests;
