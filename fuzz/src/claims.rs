//! The rules of docs/call.md for a token's claims, written again over a plain reading of the JSON.

use chrono::{DateTime, Utc};
use cloakroom::domain::{Scope, TokenCaller, TokenRules};

use crate::json::Members;

pub(crate) const ISSUER: &str = "https://login.example.com";
pub(crate) const AUDIENCE: &str = "cloakroom";
const SCOPE: &str = "storage";
const NOW: f64 = 1_800_000_000.0;
const LEEWAY: f64 = 60.0;

pub(crate) fn rules() -> TokenRules {
    TokenRules {
        issuer: ISSUER.to_owned(),
        audience: Some(AUDIENCE.to_owned()),
    }
}

pub(crate) fn scope() -> Scope {
    Scope::parse(SCOPE).unwrap()
}

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// Panics unless a token with these claims may be accepted, for this caller.
pub(crate) fn must_hold(claims: &Members, accepted: &TokenCaller, is_signed: bool) {
    must_be_for_us(claims, is_signed);
    let granted = claims.text("scope").unwrap_or_default();
    assert!(
        granted.split(' ').any(|word| word == SCOPE),
        "accepted with scope {granted:?}"
    );
    let (client, party) = (claims.text("client_id"), claims.text("azp"));
    assert!(
        client.is_none() || party.is_none() || client == party,
        "accepted with two clients"
    );
    let principal = &accepted.principal;
    assert_eq!(client.or(party), Some(principal.client_id.as_str()));
    assert_eq!(claims.text("sub"), Some(principal.subject.as_str()));
    for identifier in [principal.client_id.as_str(), principal.subject.as_str()] {
        assert!((1..=255).contains(&identifier.len()) && !identifier.contains('\0'));
    }
    let groups = claims.texts("groups").unwrap_or_default();
    for membership in &accepted.memberships {
        let named = membership.workspace.to_string();
        let says_so = |word: &&str| word.trim_start_matches('/').trim_end_matches(":read") == named;
        assert!(
            groups.iter().any(says_so),
            "{named} is in no group of {groups:?}"
        );
    }
}

/// Panics unless these claims are an access token's, of the issuer, for this audience and this time. A signed one
/// must have an issuer and an end; its end has the leeway.
pub(crate) fn must_be_for_us(claims: &Members, is_signed: bool) {
    let leeway = if is_signed { LEEWAY } else { 0.0 };
    let end = claims.seconds("exp");
    assert!(end.is_some() || !is_signed, "accepted without exp");
    assert!(
        end.is_none_or(|end| end > NOW - leeway),
        "accepted after exp"
    );
    assert!(
        claims
            .seconds("nbf")
            .is_none_or(|start| start <= NOW + LEEWAY),
        "accepted before nbf"
    );
    let issuer = claims.text("iss");
    assert!(issuer.is_some() || !is_signed, "accepted without iss");
    assert!(
        issuer.is_none_or(|issuer| issuer == ISSUER),
        "accepted of issuer {issuer:?}"
    );
    assert!(
        claims
            .texts("aud")
            .is_some_and(|aud| aud.contains(&AUDIENCE)),
        "accepted for others"
    );
    assert!(
        claims.only("cnf").is_none(),
        "accepted without the proof that cnf asks for"
    );
    for (name, kinds) in [
        ("token_type", &["bearer", "access_token"][..]),
        ("typ", &["bearer", "at+jwt", "jwt"][..]),
        ("token_use", &["access", "access_token"][..]),
    ] {
        let kind = claims.text(name).map(str::to_ascii_lowercase);
        let is_access = kind.as_deref().is_none_or(|kind| kinds.contains(&kind));
        assert!(is_access, "accepted with {name} = {kind:?}");
    }
}
