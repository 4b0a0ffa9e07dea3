use std::collections::HashSet;
use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::{AccessKeyId, AccessToken, CapabilityId};
use crate::service::{CAPABILITY_TYPE, Capabilities};

use super::strict_json::StrictObject;
use super::{Current, Derived};

/// The only action that a capability allows.
const ACT: &str = "generate_credentials";

/// The number of bytes of the public key's digest in its key id.
const KEY_ID_BYTES: usize = 8;

/// Signs and checks capability tokens (`access_keys.capability_key`): `EdDSA` over Ed25519 (RFC 8037
/// section 3.1).
pub struct CapabilityKey {
    signing: EncodingKey,
    checking: DecodingKey,
    key_id: String,
}

/// The signing key that its file contains now.
#[derive(Debug)]
pub struct CapabilityKeys(Derived<SecretString, Arc<CapabilityKey>, InvalidCapabilityKey>);

/// The PEM does not contain an Ed25519 private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an Ed25519 private key in PEM (PKCS #8): openssl genpkey -algorithm ed25519")]
pub struct InvalidCapabilityKey;

#[derive(Deserialize, Serialize)]
struct Claims {
    /// The access key.
    sub: String,
    act: String,
    iat: i64,
    exp: i64,
    jti: String,
}

impl CapabilityKey {
    /// Reads a PKCS #8 key in PEM.
    ///
    /// # Errors
    ///
    /// [`InvalidCapabilityKey`] if it is not an Ed25519 key.
    pub fn new(pem: &SecretString) -> Result<Self, InvalidCapabilityKey> {
        let pem = pem.expose_secret().as_bytes();
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| InvalidCapabilityKey)?;
        let pair = Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der());
        let public = pair.map_err(|_| InvalidCapabilityKey)?;
        let public = public.public_key().as_ref();
        let digest = hex::encode(Sha256::digest(public));
        Ok(Self {
            signing: EncodingKey::from_ed_pem(pem).map_err(|_| InvalidCapabilityKey)?,
            checking: DecodingKey::from_ed_der(public),
            key_id: format!("{digest:.width$}", width = 2 * KEY_ID_BYTES),
        })
    }

    /// Generates a key: PKCS #8 in PEM (RFC 7468 section 10).
    ///
    /// # Errors
    ///
    /// [`InvalidCapabilityKey`] if the system has no random bits.
    pub fn generate() -> Result<SecretString, InvalidCapabilityKey> {
        let pair = Ed25519KeyPair::generate().map_err(|_| InvalidCapabilityKey)?;
        let der = pair.to_pkcs8v1().map_err(|_| InvalidCapabilityKey)?;
        let text = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        Ok(pem.into())
    }

    /// Signs a capability that allows new credentials of `key` until `expires`.
    ///
    /// # Errors
    ///
    /// [`InvalidCapabilityKey`] if signing fails.
    pub fn sign(
        &self,
        id: &CapabilityId,
        key: &AccessKeyId,
        now: DateTime<Utc>,
        expires: DateTime<Utc>,
    ) -> Result<String, InvalidCapabilityKey> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(CAPABILITY_TYPE.to_owned());
        header.kid = Some(self.key_id.clone());
        let claims = Claims {
            sub: key.to_string(),
            act: ACT.to_owned(),
            iat: now.timestamp(),
            exp: expires.timestamp(),
            jti: id.to_string(),
        };
        jsonwebtoken::encode(&header, &claims, &self.signing).map_err(|_| InvalidCapabilityKey)
    }
}

impl CapabilityKeys {
    /// Reads a PKCS #8 key in PEM.
    ///
    /// # Errors
    ///
    /// [`InvalidCapabilityKey`] if it is not an Ed25519 key.
    pub fn new(pem: Current<SecretString>) -> Result<Self, InvalidCapabilityKey> {
        Derived::new(pem, |pem| CapabilityKey::new(pem).map(Arc::new)).map(Self)
    }

    /// The current key.
    #[must_use]
    pub fn now(&self) -> Arc<CapabilityKey> {
        self.0.get()
    }
}

impl Capabilities for CapabilityKeys {
    fn check(
        &self,
        token: &AccessToken,
        key: &AccessKeyId,
        now: DateTime<Utc>,
    ) -> Result<CapabilityId, &'static str> {
        self.now().check(token, key, now)
    }
}

impl CapabilityKey {
    fn check(
        &self,
        token: &AccessToken,
        key: &AccessKeyId,
        now: DateTime<Utc>,
    ) -> Result<CapabilityId, &'static str> {
        // `exp` is checked below against the port's clock, without leeway: the gateway set it itself.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.required_spec_claims = HashSet::new();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let read =
            jsonwebtoken::decode::<StrictObject>(token.expose(), &self.checking, &validation);
        let read = read.map_err(|_| "is malformed, or signed with another key")?;
        if read.header.typ.as_deref() != Some(CAPABILITY_TYPE) {
            return Err("is another kind of token");
        }
        if read.header.kid.as_ref() != Some(&self.key_id) {
            return Err("has another key id");
        }
        let claims = read.claims.read::<Claims>();
        let claims = claims.map_err(|_| "lacks a claim, or one has another type")?;
        if claims.act != ACT {
            return Err("is for another action");
        }
        if claims.sub != key.as_str() {
            return Err("is for another access key");
        }
        if claims.exp <= now.timestamp() {
            return Err("has expired");
        }
        let mut id = [0; 16];
        hex::decode_to_slice(&claims.jti, &mut id).map_err(|_| "has no valid jti")?;
        Ok(CapabilityId::from_random(id))
    }
}

impl std::fmt::Debug for CapabilityKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CapabilityKey({})", self.key_id)
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use chrono::TimeDelta;

    use super::*;

    fn key() -> CapabilityKey {
        CapabilityKey::new(&CapabilityKey::generate().unwrap()).unwrap()
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn id(byte: u8) -> AccessKeyId {
        AccessKeyId::from_random([byte; 16])
    }

    fn jti() -> CapabilityId {
        CapabilityId::from_random([7; 16])
    }

    fn signed(by: &CapabilityKey) -> AccessToken {
        let end = now() + TimeDelta::hours(1);
        AccessToken::parse(&by.sign(&jti(), &id(1), now(), end).unwrap()).unwrap()
    }

    #[test]
    fn a_capability_is_for_one_access_key_until_it_expires() {
        let one = key();
        let token = signed(&one);
        assert_eq!(token.jwt_type().as_deref(), Some(CAPABILITY_TYPE));
        assert_eq!(one.check(&token, &id(1), now()), Ok(jti()));
        let last = now() + TimeDelta::seconds(3_599);
        assert_eq!(one.check(&token, &id(1), last), Ok(jti()));
        let late = now() + TimeDelta::hours(1);
        assert_eq!(one.check(&token, &id(1), late), Err("has expired"));
        let other = one.check(&token, &id(2), now());
        assert_eq!(other, Err("is for another access key"));
    }

    #[test]
    fn claims_are_a_json_object() {
        let key = key();
        let kid = &key.key_id;
        let header = format!(r#"{{"typ":"{CAPABILITY_TYPE}","alg":"EdDSA","kid":"{kid}"}}"#);
        let checked = |claims: &[u8]| {
            let parts = [header.as_bytes(), claims].map(|part| URL_SAFE_NO_PAD.encode(part));
            let signed = parts.join(".");
            let signature =
                jsonwebtoken::crypto::sign(signed.as_bytes(), &key.signing, Algorithm::EdDSA);
            let token = format!("{signed}.{}", signature.unwrap());
            key.check(&AccessToken::parse(&token).unwrap(), &id(1), now())
        };
        let (sub, jti) = (id(1), jti());
        let good = format!(
            r#"{{"sub":"{sub}","act":"{ACT}","iat":0,"exp":9000000000000000,"jti":"{jti}","x":"y"}}"#
        );
        assert_eq!(checked(good.as_bytes()), Ok(jti.clone()));
        let list = format!(r#"["{sub}","{ACT}",0,9000000000000000,"{jti}"]"#);
        let not_utf_8 = good
            .bytes()
            .map(|byte| if byte == b'y' { 0xff } else { byte });
        for bad in [
            list.into_bytes(),
            good.replace(r#""x""#, r#""act""#).into_bytes(),
            good.replace(r#""iat":0,"#, "").into_bytes(),
            not_utf_8.collect(),
        ] {
            assert!(checked(&bad).is_err(), "{}", String::from_utf8_lossy(&bad));
        }
    }

    #[test]
    fn capabilities_of_other_signers_are_refused() {
        let (one, other) = (key(), key());
        let refused = one.check(&signed(&other), &id(1), now());
        assert_eq!(refused, Err("is malformed, or signed with another key"));
        let claims = Claims {
            sub: id(1).to_string(),
            act: ACT.to_owned(),
            iat: 0,
            exp: i64::MAX,
            jti: jti().to_string(),
        };
        let sign = |header: &Header, key: &EncodingKey| {
            let token = jsonwebtoken::encode(header, &claims, key).unwrap();
            one.check(&AccessToken::parse(&token).unwrap(), &id(1), now())
        };
        let mut header = Header::new(Algorithm::EdDSA);
        assert!(sign(&header, &one.signing).is_err(), "an ordinary JWT");
        header.typ = Some(CAPABILITY_TYPE.to_owned());
        assert!(sign(&header, &one.signing).is_err(), "no kid");
        header.kid = Some(one.key_id.clone());
        assert!(sign(&header, &one.signing).is_ok());
        header.alg = Algorithm::HS256;
        let public = EncodingKey::from_secret(one.key_id.as_bytes());
        assert!(sign(&header, &public).is_err(), "another algorithm");
    }

    #[test]
    fn only_ed25519_keys_are_accepted() {
        let good = CapabilityKey::generate().unwrap();
        // The object identifier of another curve, X25519 (RFC 8410 section 3).
        let other = good
            .expose_secret()
            .replace("MC4CAQAwBQYDK2Vw", "MC4CAQAwBQYDK2Vu");
        assert_ne!(other, good.expose_secret());
        for bad in ["", "secret", &other] {
            assert!(CapabilityKey::new(&bad.to_owned().into()).is_err(), "{bad}");
        }
    }
}
