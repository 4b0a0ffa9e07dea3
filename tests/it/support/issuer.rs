//! An authorization server that signs JWT access tokens with keys of every kind.

use std::time::{Duration, SystemTime};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::SCOPE;

/// The audience of its tokens.
pub(crate) const AUDIENCE: &str = "cloakroom";

/// A private key and the algorithm of its signatures.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    key: EncodingKey,
}

pub(crate) struct Issuer {
    pub(crate) server: MockServer,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let server = MockServer::start().await;
        let metadata = json!({
            "issuer": server.uri(),
            "jwks_uri": format!("{}/jwks", server.uri()),
            "introspection_endpoint": format!("{}/introspect", server.uri()),
        });
        Mock::given(method("GET"))
            .and(path("/.well-known/openid-configuration"))
            .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
            .mount(&server)
            .await;
        Self { server }
    }

    pub(crate) async fn publish(&self, keys: &[Value]) {
        Mock::given(method("GET"))
            .and(path("/jwks"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "keys": keys })))
            .with_priority(1)
            .mount(&self.server)
            .await;
    }

    /// How often the keys were read.
    pub(crate) async fn reads(&self) -> usize {
        let requests = self.server.received_requests().await.unwrap();
        requests.iter().filter(|r| r.url.path() == "/jwks").count()
    }

    /// The claims of a valid access token of alice (RFC 9068 section 2.2).
    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": self.server.uri(),
            "sub": "alice",
            "client_id": "demo",
            "aud": AUDIENCE,
            "scope": SCOPE,
            "iat": seconds(),
            "exp": seconds() + 300,
            "jti": "1",
        })
    }
}

impl SigningKey {
    pub(crate) fn generate(kid: &str, algorithm: Algorithm) -> Self {
        let random = SystemRandom::new();
        let ec = |curve| EcdsaKeyPair::generate_pkcs8(curve, &random).unwrap();
        let key = match algorithm {
            Algorithm::ES256 => {
                EncodingKey::from_ec_der(ec(&ECDSA_P256_SHA256_FIXED_SIGNING).as_ref())
            }
            Algorithm::ES384 => {
                EncodingKey::from_ec_der(ec(&ECDSA_P384_SHA384_FIXED_SIGNING).as_ref())
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate_pkcs8v1(&random).unwrap();
                EncodingKey::from_ed_der(pair.as_ref())
            }
            _ => {
                // The key itself (PKCS #1) follows PKCS #8's fixed header.
                const HEADER: usize = 26;
                let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
                let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
                EncodingKey::from_rsa_der(&pkcs8.as_ref()[HEADER..])
            }
        };
        Self {
            kid: kid.to_owned(),
            algorithm,
            key,
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.kid.clone());
        serde_json::to_value(jwk).unwrap()
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": format!("{:?}", self.algorithm), "kid": self.kid })
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_raw(&self.header().to_string(), &claims.to_string())
    }

    /// Signs these bytes unchanged.
    pub(crate) fn sign_raw(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

pub(crate) fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

pub(crate) fn seconds() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed();
    since.unwrap_or(Duration::ZERO).as_secs()
}
