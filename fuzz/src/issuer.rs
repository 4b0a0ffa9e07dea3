//! A named issuer's settings, and the claims of one of its tokens. A token that is let in passes the
//! condition, by a plain reading of its claims; it opens the storage that the settings make of them, and the
//! workspace only if its claim matches.
//!
//! The input is five lines and the claims: the condition's claim; its test, as `=value`, `|one,other` or
//! `*` and a pattern; `client_id`; `subject`; the claim and the value of the grant, as `claim=value`. What an empty
//! line would set is left out.

use std::sync::Arc;

use cloakroom::adapters::fixed;
use cloakroom::adapters::oauth::{Jwks, JwtReader, JwtReaderSettings, KeyUse};
use cloakroom::domain::{
    Access, AccessToken, ClientIdSource, Condition, GrantRule, IssuerId, Principal, Test,
    TrustedIssuer, check_claim_name,
};
use cloakroom::service::{LocalJwt, ReadToken};
use regex::Regex;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::claims::{AUDIENCE, ISSUER, must_be_for_us, now};
use crate::introspection::runtime;
use crate::json::Members;
use crate::keys::Key;

struct Issuer {
    runtime: Runtime,
    key: Key,
    jwks: Arc<Jwks>,
}

thread_local! {
    static ISSUER_OF_TOKENS: Issuer = {
        let key = Key::ed25519();
        let set = json!({ "keys": [key.jwk("one")] }).to_string().into_bytes();
        Issuer {
            runtime: runtime(),
            key,
            jwks: Arc::new(Jwks::of_file(fixed(set), KeyUse::Signature).unwrap()),
        }
    };
}

pub(crate) fn check(input: &[u8]) -> bool {
    let parts: Vec<&[u8]> = input.splitn(6, |byte| *byte == b'\n').collect();
    let [settings @ .., claims] = parts.as_slice() else {
        return false;
    };
    let settings: Option<Vec<&str>> = settings
        .iter()
        .map(|line| std::str::from_utf8(line).ok())
        .collect();
    let Some(settings) = settings.as_deref().and_then(Settings::parse) else {
        return false;
    };
    let trusted = settings.issuer();
    let reader = |jwks: &Arc<Jwks>| {
        let settings = JwtReaderSettings {
            accept_typ: vec!["JWT".to_owned()],
            claims: trusted.claim_names(),
            ..JwtReaderSettings::default()
        };
        JwtReader::new(Arc::clone(jwks), settings)
    };
    let read = ISSUER_OF_TOKENS.with(|issuer| {
        let token = issuer.key.sign(br#"{"alg":"EdDSA","typ":"JWT"}"#, claims);
        let token = AccessToken::parse(&token).ok()?;
        let read = issuer.runtime.block_on(reader(&issuer.jwks).read(&token));
        Some(read.expect("keys of a file can be read"))
    });
    let Some(ReadToken::Signed(read)) = read else {
        return false;
    };
    let Ok(caller) = trusted.verify(&read, None, now()) else {
        return false;
    };
    must_be_for_us(&Members::of(claims).expect("a JSON object"), true);
    let said: Value = serde_json::from_slice(claims).unwrap();
    settings.must_let_in(&said);
    settings.must_be(&said, &caller.principal);
    let is_granted = settings
        .grant
        .as_ref()
        .is_some_and(|(claim, value)| plain(&said, claim).as_ref() == Some(value));
    assert_eq!(caller.memberships.len(), usize::from(is_granted));
    true
}

/// The settings in question, read once more by what they say.
struct Settings {
    condition: Option<Condition>,
    /// That of the condition, if it has one.
    pattern: String,
    client_id: String,
    subject: String,
    grant: Option<(String, String)>,
}

impl Settings {
    fn parse(lines: &[&str]) -> Option<Self> {
        let &[claim, test, client_id, subject, grant] = lines else {
            return None;
        };
        let pattern = test.strip_prefix('*').unwrap_or_default();
        let test = match test.chars().next() {
            None => None,
            Some('=') => Some(Test::Equals(test[1..].to_owned())),
            Some('|') => Some(Test::OneOf(
                test[1..].split(',').map(str::to_owned).collect(),
            )),
            Some('*') => Some(Test::Glob(pattern.parse().ok()?)),
            Some(_) => return None,
        };
        let condition = match test {
            None => None,
            Some(test) => {
                check_claim_name(claim).ok()?;
                Some(Condition {
                    claim: claim.to_owned(),
                    test,
                })
            }
        };
        if !client_id.is_empty() {
            ClientIdSource::parse(client_id).ok()?;
        }
        if !subject.is_empty() {
            subject.parse::<cloakroom::domain::ClaimTemplate>().ok()?;
        }
        let grant = match grant.split_once('=') {
            None => None,
            Some((claim, value)) => {
                check_claim_name(claim).ok()?;
                Some((claim.to_owned(), value.to_owned()))
            }
        };
        Some(Self {
            condition,
            pattern: pattern.to_owned(),
            client_id: client_id.to_owned(),
            subject: subject.to_owned(),
            grant,
        })
    }

    fn issuer(&self) -> TrustedIssuer {
        let grant = self.grant.iter().map(|grant| GrantRule {
            claims: [grant.clone()].into(),
            workspace: "acme/ci".parse().unwrap(),
            access: Access::Read,
        });
        TrustedIssuer {
            name: "ci".parse().unwrap(),
            id: IssuerId::parse(ISSUER).unwrap(),
            audience: AUDIENCE.to_owned(),
            required_scope: None,
            client_id: match self.client_id.as_str() {
                "" => ClientIdSource::Standard,
                text => ClientIdSource::parse(text).unwrap(),
            },
            subject: (!self.subject.is_empty()).then(|| self.subject.parse().unwrap()),
            conditions: self.condition.clone().into_iter().collect(),
            grants: grant.collect(),
            max_session: None,
        }
    }

    /// Panics unless the condition holds.
    fn must_let_in(&self, said: &Value) {
        let Some(Condition { claim, test }) = &self.condition else {
            return;
        };
        let value = plain(said, claim).expect("let in without the condition's claim");
        let holds = match test {
            Test::Equals(wanted) => value == *wanted,
            Test::OneOf(wanted) => wanted.contains(&value),
            Test::Glob(_) => expression(&self.pattern).is_match(&value),
        };
        assert!(holds, "let in with {claim} = {value}");
    }

    /// Panics unless the caller is the principal that the settings derive from these claims.
    fn must_be(&self, said: &Value, principal: &Principal) {
        assert_eq!(
            principal
                .issuer
                .as_ref()
                .map(ToString::to_string)
                .as_deref(),
            Some("ci")
        );
        let client_id = match (
            self.client_id.as_str(),
            self.client_id.strip_prefix("fixed:"),
        ) {
            (_, Some(fixed)) => fixed.to_owned(),
            ("", _) => plain(said, "client_id")
                .or_else(|| plain(said, "azp"))
                .expect("let in without a client id"),
            (template, _) => filled(template, said),
        };
        let subject = match self.subject.as_str() {
            "" => plain(said, "sub").expect("let in without a subject"),
            template => filled(template, said),
        };
        assert_eq!(principal.client_id.as_str(), client_id);
        assert_eq!(principal.subject.as_str(), subject);
        for identifier in [client_id, subject] {
            assert!((1..=255).contains(&identifier.len()) && !identifier.contains('\0'));
        }
    }
}

/// The pattern as a regular expression.
fn expression(pattern: &str) -> Regex {
    let parts = pattern.split("**").map(|part| {
        let literals: Vec<String> = part.split('*').map(regex::escape).collect();
        literals.join("[^/:]*")
    });
    let parts: Vec<String> = parts.collect();
    Regex::new(&format!(r"\A{}\z", parts.join("(?s:.*)"))).unwrap()
}

/// A string, a boolean or a whole number, as text. A pointer (RFC 6901) leads into objects only.
fn plain(said: &Value, claim: &str) -> Option<String> {
    let members: Vec<String> = match claim.strip_prefix('/') {
        Some(pointer) => pointer
            .split('/')
            .map(|part| part.replace("~1", "/").replace("~0", "~"))
            .collect(),
        None => vec![claim.to_owned()],
    };
    let mut found = said;
    for member in &members {
        found = found.as_object()?.get(member)?;
    }
    match found {
        Value::String(text) => Some(text.clone()),
        Value::Bool(is_true) => Some(is_true.to_string()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

/// The template with its claims put in. Every value but the last ends at the next separator.
fn filled(template: &str, said: &Value) -> String {
    let value = |claim: &str| plain(said, claim).expect("let in without a claim of the template");
    let Some((before, rest)) = template.split_once('{') else {
        return value(template);
    };
    let mut filled = before.to_owned();
    let parts: Vec<&str> = rest.split('{').collect();
    for (at, part) in parts.iter().enumerate() {
        let (claim, after) = part.split_once('}').unwrap();
        let value = value(claim);
        if at + 1 < parts.len() {
            let end = after.chars().next().expect("text between two claims");
            assert!(!value.contains(end), "{value} holds {end:?}");
        }
        filled += &value;
        filled += after;
    }
    filled
}
