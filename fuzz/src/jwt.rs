//! A JWT. One that is accepted was signed by a trusted key, and its claims hold by a plain reading.
//!
//! The first byte chooses who signs, the next three a change to the signed token, the rest is the header
//! and, after a line feed, the claims.

use std::sync::Arc;

use cloakroom::adapters::fixed;
use cloakroom::adapters::oauth::{Jwks, JwtReader, JwtReaderSettings, KeyUse};
use cloakroom::domain::AccessToken;
use cloakroom::service::{LocalJwt, ReadToken};
use jsonwebtoken::Algorithm;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::claims::{must_hold, now, rules, scope};
use crate::introspection::runtime;
use crate::json::Members;
use crate::keys::{Key, mutated};

struct Issuer {
    runtime: Runtime,
    trusted: [(&'static str, Key); 3],
    forgers: [Key; 4],
    reader: JwtReader,
}

thread_local! {
    static ISSUER: Issuer = Issuer::new();
}

impl Issuer {
    fn new() -> Self {
        let trusted = [
            ("one", Key::es256()),
            ("two", Key::ed25519()),
            ("three", Key::rs256()),
        ];
        let published: Vec<_> = trusted.iter().map(|(kid, key)| key.jwk(kid)).collect();
        let forgers = [
            Key::es256(),
            Key::ed25519(),
            Key::secret(published[1]["x"].as_str().unwrap()).unwrap(),
            Key::secret(published[2]["n"].as_str().unwrap()).unwrap(),
        ];
        let set = json!({ "keys": published }).to_string().into_bytes();
        let jwks = Jwks::of_file(fixed(set), KeyUse::Signature).unwrap();
        let settings = JwtReaderSettings {
            accept_typ: vec!["at+jwt".to_owned()],
            membership_claim: Some("groups".to_owned()),
            ..JwtReaderSettings::default()
        };
        Self {
            runtime: runtime(),
            trusted,
            forgers,
            reader: JwtReader::new(Arc::new(jwks), settings),
        }
    }

    fn read(&self, token: &str) -> Option<ReadToken> {
        let token = AccessToken::parse(token).ok()?;
        let read = self.runtime.block_on(self.reader.read(&token));
        Some(read.expect("keys of a file can be read"))
    }
}

pub(crate) fn check(input: &[u8]) -> bool {
    let Some((&[who, first, second, to], text)) = input.split_first_chunk::<4>() else {
        return false;
    };
    let at = text
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(text.len());
    let (header, claims) = (&text[..at], text.get(at + 1..).unwrap_or_default());
    ISSUER.with(|issuer| match who {
        0..=2 => {
            let (kid, key) = &issuer.trusted[usize::from(who)];
            let token = key.sign(header, claims);
            let at = u16::from_be_bytes([first, second]);
            let mut is_accepted = false;
            if let Some(ReadToken::Signed(read)) = issuer.read(&token) {
                must_be_of(kid, key.algorithm, header);
                let said = Members::of(claims).expect("accepted, and no JSON object");
                if let Ok(caller) = read.verify_signed(&rules(), &scope(), now()) {
                    must_hold(&said, &caller, true);
                    is_accepted = true;
                }
            }
            if let Some(mutated) = mutated(&token, at, to) {
                refused(issuer, &mutated);
            }
            is_accepted
        }
        3..=6 => refused(
            issuer,
            &issuer.forgers[usize::from(who) - 3].sign(header, claims),
        ),
        // No signature at all, and anything at all.
        7 => {
            let token = issuer.forgers[0].sign(header, claims);
            let (unsigned, _) = token.rsplit_once('.').unwrap();
            refused(issuer, &format!("{unsigned}."))
        }
        _ => refused(issuer, &String::from_utf8_lossy(text)),
    })
}

/// Panics if the token is accepted.
fn refused(issuer: &Issuer, token: &str) -> bool {
    let read = issuer.read(token);
    assert!(
        !matches!(read, Some(ReadToken::Signed(_))),
        "accepted: {token}"
    );
    false
}

/// Panics unless the header of an accepted token names this key, and asks for nothing unusual.
fn must_be_of(kid: &str, algorithm: Algorithm, header: &[u8]) {
    let header = Members::of(header).expect("accepted with a header that is no JSON object");
    assert_eq!(header.text("alg"), Some(format!("{algorithm:?}").as_str()));
    assert!(header.text("kid").is_none_or(|named| named == kid));
    assert!(header.only("crit").is_none());
    let typ = header.text("typ").unwrap_or_default().to_ascii_lowercase();
    assert!(
        ["at+jwt", "application/at+jwt"].contains(&typ.as_str()),
        "accepted with typ {typ}"
    );
}
