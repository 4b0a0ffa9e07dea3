use std::str::FromStr;
use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use crate::adapters::strict_json::{StrictObject, WrongMember};

/// The longest key set read, in bytes, and the largest number of its keys that are used.
pub const MAX_KEY_SET_BYTES: usize = 256 * 1024;
const MAX_KEYS: usize = 64;

/// The `use` of JWT-SVIDs' keys (SPIFFE Trust Domain and Bundle section 4.2.2).
const JWT_SVID: &str = "jwt-svid";

/// The keys of a set (RFC 7517) that can verify tokens.
#[derive(Clone)]
pub(super) struct KeySet(Arc<[VerificationKey]>);

/// Which keys of a set sign tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// Those whose `use` is `sig` or absent.
    Signature,
    /// Those whose `use` is `jwt-svid`, and no others.
    JwtSvid,
}

/// Why a key set cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// It is no JSON object, or has a member twice.
    #[error("the key set is not a JSON object")]
    NoObject,
    /// `keys` is not a list.
    #[error("the key set: {0}")]
    NoList(WrongMember),
    /// Every key is of an unsupported kind, or has another purpose.
    #[error("the key set has no key that can verify tokens")]
    NoUsableKey,
}

/// A public key and the algorithms that it may be used with.
struct VerificationKey {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// Checks that a file has a key set with a usable key, or with no key at all.
///
/// # Errors
///
/// [`KeySetError`] if it has not.
pub fn check_key_set(json: &[u8], key_use: KeyUse) -> Result<(), KeySetError> {
    KeySet::parse(json, key_use).map(|_| ())
}

impl KeySet {
    /// Reads a file. An operator empties the list to refuse every token of the issuer.
    pub(super) fn parse(json: &[u8], key_use: KeyUse) -> Result<Self, KeySetError> {
        let object = StrictObject::from_slice(json).map_err(|_| KeySetError::NoObject)?;
        if object.list("keys").is_ok_and(<[Value]>::is_empty) {
            return Ok(Self(Arc::new([])));
        }
        Self::of_object(&object, key_use)
    }

    pub(super) fn of_object(set: &StrictObject, key_use: KeyUse) -> Result<Self, KeySetError> {
        let keys = set.list("keys").map_err(KeySetError::NoList)?.iter();
        let usable = keys.filter_map(|jwk| VerificationKey::from_jwk(jwk, key_use));
        let usable: Arc<[VerificationKey]> = usable.take(MAX_KEYS).collect();
        if usable.is_empty() {
            return Err(KeySetError::NoUsableKey);
        }
        Ok(Self(usable))
    }

    /// The keys with this `kid`, or all of them for a token without a `kid`.
    pub(super) fn matching(&self, kid: Option<&str>, algorithm: Algorithm) -> Vec<DecodingKey> {
        let fits = |key: &&VerificationKey| {
            key.algorithms.contains(&algorithm) && (kid.is_none() || key.kid.as_deref() == kid)
        };
        let keys = self.0.iter().filter(fits);
        keys.map(|key| key.key.clone()).collect()
    }
}

impl KeyUse {
    fn is_of(self, usage: Option<&PublicKeyUse>) -> bool {
        match (self, usage) {
            (Self::Signature, None | Some(PublicKeyUse::Signature)) => true,
            (Self::JwtSvid, Some(PublicKeyUse::Other(usage))) => usage == JWT_SVID,
            _ => false,
        }
    }
}

impl VerificationKey {
    /// `None` for a key of an unsupported kind or with another purpose.
    fn from_jwk(jwk: &Value, key_use: KeyUse) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(jwk.clone()).ok()?;
        let common = &jwk.common;
        let has_this_use = key_use.is_of(common.public_key_use.as_ref());
        let may_verify = common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        let algorithms = algorithms(&jwk);
        if !has_this_use || !may_verify || algorithms.is_empty() {
            return None;
        }
        Some(Self {
            kid: common.key_id.clone(),
            key: DecodingKey::from_jwk(&jwk).ok()?,
            algorithms,
        })
    }
}

/// The algorithms that a key may be used with: its `alg`, or else those of its kind. Symmetric keys are
/// never used, because they can sign as well as verify.
fn algorithms(jwk: &Jwk) -> Vec<Algorithm> {
    let kind: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => &[],
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        _ => &[],
    };
    let Some(named) = jwk.common.key_algorithm else {
        return kind.to_vec();
    };
    let named = Algorithm::from_str(&named.to_string());
    let named = named.ok().filter(|named| kind.contains(named));
    named.into_iter().collect()
}
