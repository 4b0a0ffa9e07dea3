//! A key set. Only the private half of a key that the set publishes, for signatures, signs a token that
//! is accepted; no secret that anybody can derive from the set does.
//!
//! `KEY` in the input stands for the members of the target's own public key, without `kid` and `alg`.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloakroom::adapters::fixed;
use cloakroom::adapters::oauth::{Jwks, JwtReader, JwtReaderSettings, KeyUse, check_key_set};
use cloakroom::domain::AccessToken;
use cloakroom::service::{LocalJwt, ReadToken};
use jsonwebtoken::Algorithm;
use serde_json::Value;

use crate::introspection::runtime;
use crate::json::{Members, names};
use crate::keys::Key;

const CLAIMS: &[u8] = br#"{"sub":"alice"}"#;

/// Each with a token that it has signed.
static KEYS: LazyLock<[(Key, String); 3]> = LazyLock::new(|| {
    [Key::es256(), Key::ed25519(), Key::rs256()].map(|key| {
        let token = signed(&key);
        (key, token)
    })
});

pub(crate) fn check(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let mut accepted = 0;
    for (key, token) in KEYS.iter() {
        let mut jwk = key.jwk("k");
        for name in ["kid", "alg"] {
            jwk.as_object_mut().unwrap().remove(name);
        }
        let members = jwk.to_string();
        let set = text
            .replace("KEY", members.trim_matches(['{', '}']))
            .into_bytes();
        let usable = check_key_set(&set, KeyUse::Signature);
        let jwks = Jwks::of_file(fixed(set.clone()), KeyUse::Signature);
        assert_eq!(usable, jwks.as_ref().map(|_| ()).map_err(|error| *error));
        let Ok(jwks) = jwks else { continue };
        let keys = Members::of(&set).expect("accepted, and no JSON object");
        let keys = keys
            .only("keys")
            .and_then(Value::as_array)
            .expect("accepted without a list");
        let reader = JwtReader::new(
            Arc::new(jwks),
            JwtReaderSettings {
                accept_typ: vec!["at+jwt".to_owned()],
                ..JwtReaderSettings::default()
            },
        );
        if reads(&reader, token) {
            assert!(
                keys.iter().any(|jwk| publishes(jwk, &members, key)),
                "signed by another key"
            );
            accepted += 1;
        }
        for jwk in keys {
            forgeries(&reader, jwk);
        }
    }
    accepted == KEYS.len()
}

/// Whether the key set's key is this one, and may verify signatures of its kind.
fn publishes(jwk: &Value, members: &str, key: &Key) -> bool {
    let ours: Value =
        serde_json::from_str(&format!("{{{}}}", members.trim_matches(['{', '}']))).unwrap();
    // Ed25519 has no `y`; members that a key does not need are ignored (RFC 7517, section 4).
    let same = ["kty", "crv", "x", "y"]
        .iter()
        .filter(|name| ours.get(**name).is_some())
        .all(|name| names(&jwk[*name], ours[*name].as_str().unwrap()));
    let same_numbers = ["n", "e"]
        .iter()
        .filter(|name| ours.get(**name).is_some())
        .all(|name| number(&jwk[*name]) == number(&ours[*name]));
    let algorithm = format!("{:?}", key.algorithm);
    let member = |name: &str| jwk.get(name).filter(|value| !value.is_null());
    let purpose = member("use").is_none_or(|usage| usage == "sig");
    let verifies = member("key_ops").is_none_or(|operations| {
        operations
            .as_array()
            .is_some_and(|list| list.iter().any(|one| one == "verify"))
    });
    same && same_numbers
        && purpose
        && verifies
        && member("alg").is_none_or(|named| names(named, &algorithm))
}

/// The number that a member encodes, without zeros in front.
fn number(member: &Value) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(member.as_str()?).ok()?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    Some(bytes[zeros..].to_vec())
}

fn signed(key: &Key) -> String {
    let header = format!(r#"{{"typ":"at+jwt","alg":"{:?}"}}"#, key.algorithm);
    key.sign(header.as_bytes(), CLAIMS)
}

/// Signs with what the set publishes as if it were a secret.
fn forgeries(reader: &JwtReader, jwk: &Value) {
    for name in ["x", "k", "n"] {
        let Some(key) = jwk.get(name).and_then(Value::as_str).and_then(Key::secret) else {
            continue;
        };
        assert_eq!(key.algorithm, Algorithm::HS256);
        assert!(
            !reads(reader, &signed(&key)),
            "a forgery with the published {name}"
        );
    }
}

fn reads(reader: &JwtReader, token: &str) -> bool {
    let token = AccessToken::parse(token).unwrap();
    let read = runtime().block_on(reader.read(&token));
    matches!(read, Ok(ReadToken::Signed(_)))
}
