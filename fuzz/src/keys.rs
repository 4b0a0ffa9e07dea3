//! Keys that sign the targets' tokens, made when the process starts: no property depends on them.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

/// A private key, and the algorithm that it signs with.
pub(crate) struct Key {
    pub(crate) algorithm: Algorithm,
    key: EncodingKey,
}

impl Key {
    pub(crate) fn es256() -> Self {
        let rules = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::generate_pkcs8(rules, &SystemRandom::new()).unwrap();
        Self {
            algorithm: Algorithm::ES256,
            key: EncodingKey::from_ec_der(pair.as_ref()),
        }
    }

    pub(crate) fn ed25519() -> Self {
        let pair = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
        Self {
            algorithm: Algorithm::EdDSA,
            key: EncodingKey::from_ed_der(pair.as_ref()),
        }
    }

    pub(crate) fn rs256() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let pair: Pkcs8V1Der = pair.as_der().unwrap();
        let text = STANDARD.encode(pair.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        Self {
            algorithm: Algorithm::RS256,
            key: EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
        }
    }

    pub(crate) fn of_pem(pem: &str) -> Self {
        let key = EncodingKey::from_ed_pem(pem.as_bytes()).unwrap();
        Self {
            algorithm: Algorithm::EdDSA,
            key,
        }
    }

    /// A forger's key: a member of a published key, used as an HMAC secret.
    pub(crate) fn secret(published: &str) -> Option<Self> {
        let secret = URL_SAFE_NO_PAD.decode(published).ok()?;
        Some(Self {
            algorithm: Algorithm::HS256,
            key: EncodingKey::from_secret(&secret),
        })
    }

    /// The public half.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!(kid);
        jwk
    }

    /// A token of exactly these bytes.
    pub(crate) fn sign(&self, header: &[u8], claims: &[u8]) -> String {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        let message = format!("{header}.{claims}");
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm);
        format!("{message}.{}", signature.unwrap())
    }
}

/// The token with one of its characters replaced by another; `None` if that is the same.
pub(crate) fn mutated(token: &str, at: u16, to: u8) -> Option<String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=";
    let mut bytes = token.as_bytes().to_vec();
    let at = usize::from(at) % bytes.len();
    bytes[at] = ALPHABET[usize::from(to) % ALPHABET.len()];
    let mutated = String::from_utf8(bytes).unwrap();
    (mutated != token).then_some(mutated)
}
