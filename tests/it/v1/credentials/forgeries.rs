//! Tokens that the gateway must refuse.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::support::{Issuer, SigningKey, encode, seconds};

/// The issuer's claims with a change.
pub(super) fn but(issuer: &Issuer, change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = issuer.claims();
    change(&mut claims);
    claims
}

/// Forged and damaged tokens, each with what is wrong with it.
#[expect(clippy::too_many_lines, reason = "one list")]
pub(super) fn forgeries(issuer: &Issuer, key: &SigningKey) -> Vec<(&'static str, String)> {
    let claims = issuer.claims();
    let good = key.sign(&claims);
    let text = claims.to_string();
    let header = |change: &dyn Fn(&mut Value)| {
        let mut header = key.header();
        change(&mut header);
        key.sign_raw(&header.to_string(), &text)
    };
    let signed = |change: &dyn Fn(&mut Value)| key.sign(&but(issuer, |c| change(c)));
    let parts: Vec<&str> = good.split('.').collect();
    let [head, body, signature] = parts.as_slice() else {
        panic!("three parts");
    };
    let stranger = SigningKey::generate(&key.kid, key.algorithm);
    let of_another_kind = SigningKey::generate(&key.kid, Algorithm::RS256);
    let public_key = key.jwk().to_string();
    let hs256 = |secret: &str| {
        let header = json!({ "typ": "at+jwt", "alg": "HS256", "kid": key.kid }).to_string();
        let message = format!("{}.{}", encode(header), encode(&text));
        let secret = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
        let mac = jsonwebtoken::crypto::sign(message.as_bytes(), &secret, Algorithm::HS256);
        format!("{message}.{}", mac.unwrap())
    };
    let none = encode(json!({ "typ": "at+jwt", "alg": "none" }).to_string());
    let none_of_any_case =
        encode(json!({ "typ": "at+jwt", "alg": "NoNe", "kid": key.kid }).to_string());
    let swapped = encode(but(issuer, |c| c["sub"] = json!("bob")).to_string());
    let doubled = text.replacen('{', "{\"sub\":\"bob\",", 1);
    let doubled_header = key
        .header()
        .to_string()
        .replacen('{', "{\"alg\":\"none\",", 1);
    vec![
        ("alg none, no signature", format!("{none}.{body}.")),
        (
            "alg none, the old signature",
            format!("{none}.{body}.{signature}"),
        ),
        ("alg NoNe", format!("{none_of_any_case}.{body}.{signature}")),
        ("HS256 with the public key", hs256(&public_key)),
        (
            "HS256 with the x of the public key",
            hs256(key.jwk()["x"].as_str().unwrap()),
        ),
        ("HS256 with an empty key", hs256("")),
        ("a stranger's key of the same name", stranger.sign(&claims)),
        (
            "a key of another kind of the same name",
            of_another_kind.sign(&claims),
        ),
        (
            "the right key, another algorithm's name",
            header(&|h| h["alg"] = json!("RS256")),
        ),
        (
            "an algorithm of the same family",
            header(&|h| h["alg"] = json!("ES384")),
        ),
        (
            "an unknown kid",
            header(&|h| h["kid"] = json!("../../etc/passwd")),
        ),
        ("a kid that is no string", header(&|h| h["kid"] = json!(1))),
        (
            "no alg that anybody speaks",
            header(&|h| h["alg"] = json!("XX256")),
        ),
        ("alg is no string", header(&|h| h["alg"] = json!(["ES256"]))),
        ("typ JWT", header(&|h| h["typ"] = json!("JWT"))),
        (
            "typ of an ID token",
            header(&|h| h["typ"] = json!("id+jwt")),
        ),
        (
            "no typ",
            header(&|h| {
                h.as_object_mut().unwrap().remove("typ");
            }),
        ),
        ("crit", header(&|h| h["crit"] = json!(["exp"]))),
        ("its own key in the header", {
            let mut header = stranger.header();
            header["jwk"] = stranger.jwk();
            stranger.sign_raw(&header.to_string(), &text)
        }),
        (
            "a header that says alg twice",
            key.sign_raw(&doubled_header, &text),
        ),
        (
            "claims that say sub twice",
            key.sign_raw(&key.header().to_string(), &doubled),
        ),
        (
            "other claims under the old signature",
            format!("{head}.{swapped}.{signature}"),
        ),
        ("no signature", format!("{head}.{body}.")),
        (
            "half a signature",
            format!("{head}.{body}.{}", &signature[..40]),
        ),
        (
            "a signature of zeros",
            format!("{head}.{body}.{}", encode([0; 64])),
        ),
        ("one character changed", {
            let flipped = if signature.starts_with('A') { "B" } else { "A" };
            format!("{head}.{body}.{flipped}{}", &signature[1..])
        }),
        (
            "claims that are no JSON",
            key.sign_raw(&key.header().to_string(), "{\"sub\":"),
        ),
        (
            "claims that are a list",
            key.sign_raw(&key.header().to_string(), "[]"),
        ),
        (
            "something behind the claims",
            key.sign_raw(&key.header().to_string(), &format!("{text} x")),
        ),
        (
            "exp as a string",
            signed(&|c| c["exp"] = json!((seconds() + 300).to_string())),
        ),
        (
            "no exp",
            signed(&|c| {
                c.as_object_mut().unwrap().remove("exp");
            }),
        ),
        ("expired", signed(&|c| c["exp"] = json!(seconds() - 61))),
        (
            "nbf to come",
            signed(&|c| c["nbf"] = json!(seconds() + 120)),
        ),
        ("nbf as a string", signed(&|c| c["nbf"] = json!("0"))),
        (
            "no iss",
            signed(&|c| {
                c.as_object_mut().unwrap().remove("iss");
            }),
        ),
        (
            "another iss",
            signed(&|c| c["iss"] = json!("https://evil.example")),
        ),
        (
            "no aud",
            signed(&|c| {
                c.as_object_mut().unwrap().remove("aud");
            }),
        ),
        (
            "another aud",
            signed(&|c| c["aud"] = json!(["account", "cloakroom2"])),
        ),
        (
            "aud as an object",
            signed(&|c| c["aud"] = json!({ "cloakroom": true })),
        ),
        (
            "scope as a list",
            signed(&|c| c["scope"] = json!([crate::support::SCOPE])),
        ),
        ("sub as a number", signed(&|c| c["sub"] = json!(7))),
        (
            "bound to a key",
            signed(&|c| c["cnf"] = json!({ "jkt": "x" })),
        ),
        ("a refresh token", signed(&|c| c["typ"] = json!("Refresh"))),
        ("two clients", signed(&|c| c["azp"] = json!("other"))),
        (
            "a nested token",
            key.sign_raw(&key.header().to_string(), &encode(&good)),
        ),
    ]
}
