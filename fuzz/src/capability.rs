//! A capability token. One that is accepted was signed by the gateway's key for that very access key,
//! and has not expired.
//!
//! The first byte chooses who signs, the next three a change to a good token, the rest is the header
//! and, after a line feed, the claims.

use std::sync::LazyLock;

use chrono::TimeDelta;
use cloakroom::adapters::{CapabilityKey, CapabilityKeys, fixed};
use cloakroom::domain::{AccessKeyId, AccessToken, CapabilityId};
use cloakroom::service::Capabilities;
use secrecy::ExposeSecret;

use crate::claims::now;
use crate::json::{Members, names};
use crate::keys::{Key, mutated};

static GATEWAY: LazyLock<Gateway> = LazyLock::new(Gateway::new);

struct Gateway {
    signer: CapabilityKey,
    keys: CapabilityKeys,
    /// The gateway's key in a forger's hands: only the checks besides the signature can refuse its tokens.
    own: Key,
    foreign: Key,
}

impl Gateway {
    fn new() -> Self {
        let pem = CapabilityKey::generate().unwrap();
        Self {
            signer: CapabilityKey::new(&pem).unwrap(),
            own: Key::of_pem(pem.expose_secret()),
            keys: CapabilityKeys::new(fixed(pem)).unwrap(),
            foreign: Key::ed25519(),
        }
    }

    fn opens(&self, token: &str, key: &AccessKeyId) -> Option<CapabilityId> {
        self.keys
            .check(&AccessToken::parse(token).ok()?, key, now())
            .ok()
    }
}

pub(crate) fn check(input: &[u8]) -> bool {
    let Some((&[who, first, second, to], text)) = input.split_first_chunk::<4>() else {
        return false;
    };
    let (mine, other) = (
        AccessKeyId::from_random([1; 16]),
        AccessKeyId::from_random([2; 16]),
    );
    let gateway = &*GATEWAY;
    if who < 2 {
        let id = CapabilityId::from_random([to; 16]);
        let lasts = i64::from(u16::from_be_bytes([first, second]));
        let end = now() + TimeDelta::seconds(lasts - 32_768);
        let token = gateway.signer.sign(&id, &mine, now(), end).unwrap();
        let expected = (end > now()).then_some(id);
        assert_eq!(gateway.opens(&token, &mine), expected);
        assert_eq!(gateway.opens(&token, &other), None);
        for change in text.chunks_exact(3).take(8) {
            let at = u16::from_be_bytes([change[0], change[1]]);
            if let Some(mutated) = mutated(&token, at, change[2]) {
                assert_eq!(
                    gateway.opens(&mutated, &mine),
                    None,
                    "{mutated} for {token}"
                );
            }
        }
        return expected.is_some();
    }
    let at = text
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(text.len());
    let (header, claims) = (&text[..at], text.get(at + 1..).unwrap_or_default());
    let header = String::from_utf8_lossy(header).replace("KID", &gateway.key_id());
    let foreign = gateway.foreign.sign(header.as_bytes(), claims);
    let raw = String::from_utf8_lossy(text);
    assert_eq!(gateway.opens(&foreign, &mine), None);
    assert_eq!(gateway.opens(&raw, &mine), None);
    let own = gateway.own.sign(header.as_bytes(), claims);
    let is_accepted = gateway.opens(&own, &mine).is_some();
    if is_accepted {
        assert_eq!(gateway.opens(&own, &other), None);
        let (header, claims) = (Members::of(header.as_bytes()), Members::of(claims));
        let (header, claims) = (header.expect("a header"), claims.expect("claims"));
        assert_eq!(claims.text("sub"), Some(mine.as_str()));
        assert_eq!(claims.text("act"), Some("generate_credentials"));
        assert!(claims.seconds("exp").expect("an end") > 1_800_000_000.0);
        assert!(claims.text("jti").is_some_and(|id| id.len() == 32));
        assert_eq!(
            header.text("typ"),
            Some(cloakroom::service::CAPABILITY_TYPE)
        );
        assert!(header.only("alg").is_some_and(|alg| names(alg, "EdDSA")));
    }
    is_accepted
}

impl Gateway {
    /// The `kid` of its tokens.
    fn key_id(&self) -> String {
        format!("{:?}", self.signer)
            .replace("CapabilityKey(", "")
            .replace(')', "")
    }
}
