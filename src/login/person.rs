use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreIdToken, CoreJwsSigningAlgorithm};
use openidconnect::{ClaimsVerificationError, Nonce};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::sign_in::Client;

/// The signatures that ID tokens may have: none of a shared secret.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// The claims that hold a name, the best first.
const NAMES: [&str; 3] = ["preferred_username", "username", "email"];

/// Who signed in, for people to read: nothing depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Person {
    /// The subject, if the authorization server says it.
    pub subject: Option<String>,
    /// A name that the person knows.
    pub username: Option<String>,
}

impl Person {
    /// Verifies the ID token (`OpenID Connect Core 1.0` section 3.1.3.7).
    pub(super) fn of_id_token(
        token: &CoreIdToken,
        client: &Client,
        nonce: Option<&Nonce>,
    ) -> Result<Self, String> {
        let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
        let check = |given: Option<&Nonce>| match nonce {
            Some(expected) => openidconnect::NonceVerifier::verify(expected, given),
            None => Ok(()),
        };
        let claims = token.claims(&verifier, check);
        let claims = claims.map_err(|error| match error {
            ClaimsVerificationError::Expired(_) => {
                "it has expired: is the clock of this machine right?".to_owned()
            }
            error => error.to_string(),
        })?;
        let name = claims.preferred_username().map(|name| name.to_string());
        let email = || claims.email().map(|email| email.to_string());
        Ok(Self {
            subject: Some(claims.subject().to_string()),
            username: name.or_else(email),
        })
    }

    /// What the access token says, if it is a JWT.
    pub(super) fn of_access_token(token: &str) -> Self {
        let payload = token.split('.').nth(1);
        let payload = payload.and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
        let claims: Option<Map<String, Value>> =
            payload.and_then(|payload| serde_json::from_slice(&payload).ok());
        let claims = claims.unwrap_or_default();
        let text = |name: &str| claims.get(name)?.as_str().map(str::to_owned);
        Self {
            subject: text("sub"),
            username: NAMES.into_iter().find_map(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(claims: &str) -> Person {
        let payload = URL_SAFE_NO_PAD.encode(claims);
        Person::of_access_token(&format!("e30.{payload}.sig"))
    }

    #[test]
    fn an_access_token_tells_who_signed_in_if_it_is_a_jwt() {
        let person = of(r#"{"sub": "1", "email": "z@x", "preferred_username": "zoë", "aud": []}"#);
        assert_eq!(person.subject.as_deref(), Some("1"));
        assert_eq!(person.username.as_deref(), Some("zoë"));
        for opaque in ["", "abc", "a.b.c", "..", "e30.bnVsbA.x"] {
            assert_eq!(
                Person::of_access_token(opaque),
                Person::default(),
                "{opaque}"
            );
        }
    }
}
