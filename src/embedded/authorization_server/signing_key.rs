use std::io;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::embedded::random::hex_digits;

/// The ES256 key pair that signs the tokens.
pub(super) struct SigningKey {
    kid: String,
    private: EncodingKey,
    public: DecodingKey,
    jwks: JwkSet,
}

impl SigningKey {
    pub(super) fn generate() -> io::Result<Self> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| io::Error::other("cannot generate a key"))?;
        let private = EncodingKey::from_ec_der(pkcs8.as_ref());
        let mut jwk =
            Jwk::from_encoding_key(&private, Algorithm::ES256).map_err(io::Error::other)?;
        let kid = hex_digits(8)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let public = DecodingKey::from_jwk(&jwk).map_err(io::Error::other)?;
        Ok(Self {
            kid,
            private,
            public,
            jwks: JwkSet { keys: vec![jwk] },
        })
    }

    /// The public key (RFC 7517 section 5).
    pub(super) fn jwks(&self) -> &JwkSet {
        &self.jwks
    }

    /// Signs a JWT of this type.
    pub(super) fn sign(&self, typ: &str, claims: &impl Serialize) -> Option<String> {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.private).ok()
    }

    /// Returns the claims of a token that this key signed and that has not expired.
    pub(super) fn verify(&self, token: &str) -> Option<Map<String, Value>> {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.leeway = 0;
        validation.validate_aud = false;
        let token = jsonwebtoken::decode(token, &self.public, &validation);
        token.ok().map(|token| token.claims)
    }
}
