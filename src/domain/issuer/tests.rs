use super::*;
use crate::domain::{Access, Audience};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn github() -> TrustedIssuer {
    TrustedIssuer {
        name: "github".parse().unwrap(),
        id: IssuerId::parse("https://token.actions.githubusercontent.com").unwrap(),
        audience: "cloakroom".to_owned(),
        required_scope: None,
        client_id: ClientIdSource::parse("fixed:github").unwrap(),
        subject: Some("{repository_id}".parse().unwrap()),
        conditions: vec![Condition {
            claim: "repository_owner_id".to_owned(),
            test: Test::Equals("1234".to_owned()),
        }],
        grants: vec![GrantRule {
            claims: [("ref".to_owned(), "refs/heads/main".to_owned())].into(),
            workspace: "acme/ci".parse().unwrap(),
            access: Access::ReadWrite,
        }],
        max_session: Some(Duration::from_mins(30)),
    }
}

fn token() -> UnverifiedClaims {
    let named = [
        ("repository_owner_id", "1234"),
        ("repository_id", "5678"),
        ("ref", "refs/heads/main"),
    ];
    UnverifiedClaims {
        iss: Some("https://token.actions.githubusercontent.com".to_owned()),
        sub: Some("repo:acme/app:ref:refs/heads/main".to_owned()),
        aud: Some(Audience(vec!["cloakroom".to_owned()])),
        exp: Some(now() + chrono::TimeDelta::minutes(5)),
        named: named
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect(),
        ..UnverifiedClaims::default()
    }
}

fn without(claim: &str) -> NamedClaims {
    let all = ["repository_owner_id", "repository_id", "ref"].into_iter();
    let token = token();
    let kept = all.filter(|name| *name != claim);
    kept.map(|name| (name.to_owned(), token.named.get(name).unwrap().to_owned()))
        .collect()
}

#[test]
fn a_good_token_is_a_caller_of_that_issuer() {
    let caller = github().verify(&token(), None, now()).unwrap();
    assert_eq!(
        caller.principal.to_string(),
        r#"["github","github","5678"]"#
    );
    assert_eq!(caller.memberships.len(), 1);
    assert_eq!(caller.max_session, Some(Duration::from_mins(30)));
    assert_eq!(caller.proof_expires, token().exp);
}

#[test]
fn a_token_is_refused_for_the_first_thing_that_is_wrong() {
    type Change = fn(&mut UnverifiedClaims);
    let changes: [(Change, TokenError); 13] = [
        (|c| c.iss = None, TokenError::WrongIssuer),
        (
            |c| c.iss = Some("https://gitlab.com".to_owned()),
            TokenError::WrongIssuer,
        ),
        (|c| c.exp = None, TokenError::MissingExpiry),
        (
            |c| c.exp = Some(now() - chrono::TimeDelta::seconds(60)),
            TokenError::Expired,
        ),
        (
            |c| c.nbf = Some(now() + chrono::TimeDelta::seconds(61)),
            TokenError::NotYetValid,
        ),
        (|c| c.aud = None, TokenError::WrongAudience),
        (
            |c| c.aud = Some(Audience(vec!["other".to_owned()])),
            TokenError::WrongAudience,
        ),
        (
            |c| c.typ = Some("Refresh".to_owned()),
            TokenError::NotAnAccessToken,
        ),
        (
            |c| c.sender_constrained = true,
            TokenError::SenderConstrained,
        ),
        (
            |c| c.named = without("repository_owner_id"),
            TokenError::MissingNamedClaim,
        ),
        (
            |c| {
                let other = [("repository_owner_id", "9"), ("repository_id", "5678")];
                let other = other.map(|(name, value)| (name.to_owned(), value.to_owned()));
                c.named = other.into_iter().collect();
            },
            TokenError::ConditionFailed,
        ),
        (
            |c| c.named = without("repository_id"),
            TokenError::MissingNamedClaim,
        ),
        (
            |c| {
                let other = [("repository_owner_id", "1234"), ("repository_id", "")];
                let other = other.map(|(name, value)| (name.to_owned(), value.to_owned()));
                c.named = other.into_iter().collect();
            },
            TokenError::MissingClaims,
        ),
    ];
    for (number, (change, expected)) in changes.into_iter().enumerate() {
        let mut claims = token();
        change(&mut claims);
        let refused = github().verify(&claims, None, now());
        assert_eq!(refused, Err(expected), "{number}");
    }
}

#[test]
fn a_scope_is_asked_for_only_where_one_is_set_or_the_route_has_its_own() {
    let scope = Scope::parse("storage").unwrap();
    let refused = |scope: &Scope| Err(TokenError::MissingScope(scope.clone()));
    assert!(github().verify(&token(), None, now()).is_ok());
    assert_eq!(
        github().verify(&token(), Some(&scope), now()),
        refused(&scope)
    );
    let strict = TrustedIssuer {
        required_scope: Some(scope.clone()),
        ..github()
    };
    assert_eq!(strict.verify(&token(), None, now()), refused(&scope));
    let with_scope = UnverifiedClaims {
        scope: Some("openid storage".to_owned()),
        ..token()
    };
    assert!(strict.verify(&with_scope, None, now()).is_ok());
    let of_route = Scope::parse("keys").unwrap();
    let without_the_issuers = UnverifiedClaims {
        scope: Some("keys".to_owned()),
        ..token()
    };
    for (claims, missing) in [(&with_scope, &of_route), (&without_the_issuers, &scope)] {
        assert_eq!(
            strict.verify(claims, Some(&of_route), now()),
            refused(missing)
        );
    }
    let with_both = UnverifiedClaims {
        scope: Some("storage keys".to_owned()),
        ..token()
    };
    assert!(strict.verify(&with_both, Some(&of_route), now()).is_ok());
}

#[test]
fn without_a_mapping_the_standard_claims_name_the_caller() {
    let plain = TrustedIssuer {
        client_id: ClientIdSource::Standard,
        subject: None,
        conditions: Vec::new(),
        ..github()
    };
    let missing = Err(TokenError::MissingClaims);
    assert_eq!(plain.verify(&token(), None, now()), missing);
    let claims = UnverifiedClaims {
        azp: Some("runner".to_owned()),
        ..token()
    };
    let caller = plain.verify(&claims, None, now()).unwrap();
    assert_eq!(
        caller.principal.to_string(),
        r#"["github","runner","repo:acme/app:ref:refs/heads/main"]"#
    );
    let nameless = UnverifiedClaims {
        sub: None,
        ..claims
    };
    assert_eq!(plain.verify(&nameless, None, now()), missing);
}

#[test]
fn a_grant_that_does_not_match_is_no_error() {
    let claims = UnverifiedClaims {
        named: without("ref"),
        ..token()
    };
    let caller = github().verify(&claims, None, now()).unwrap();
    assert!(caller.memberships.is_empty());
}

#[test]
fn a_trust_domain_takes_its_own_ids_only() {
    let spiffe = TrustedIssuer {
        name: "mesh".parse().unwrap(),
        id: IssuerId::parse("spiffe://example.org").unwrap(),
        subject: None,
        conditions: Vec::new(),
        ..github()
    };
    let svid = |sub: &str| UnverifiedClaims {
        iss: None,
        sub: Some(sub.to_owned()),
        ..token()
    };
    let verify = |sub| spiffe.verify(&svid(sub), None, now());
    assert!(verify("spiffe://example.org/ns/a/sa/b").is_ok());
    for other in ["spiffe://evil.org/ns/a", "spiffe://example.org", "alice"] {
        assert_eq!(verify(other), Err(TokenError::WrongIssuer), "{other}");
    }
    assert_eq!(
        spiffe.verify(&token(), None, now()),
        Err(TokenError::WrongIssuer)
    );
}

#[test]
fn the_fingerprint_follows_from_what_names_callers() {
    let (name, value) = github().fingerprint();
    assert_eq!(name, "issuers.github");
    assert_eq!(
        value,
        r#"["https://token.actions.githubusercontent.com","fixed:github","{repository_id}"]"#
    );
    let other = TrustedIssuer {
        subject: Some("{repository}".parse().unwrap()),
        ..github()
    };
    assert_ne!(other.fingerprint().1, value);
    let stricter = TrustedIssuer {
        conditions: Vec::new(),
        grants: Vec::new(),
        audience: "other".to_owned(),
        ..github()
    };
    assert_eq!(stricter.fingerprint().1, value);
}

#[test]
fn every_claim_that_the_settings_name_is_read() {
    let names: Vec<String> = github().claim_names().into_iter().collect();
    assert_eq!(names, ["ref", "repository_id", "repository_owner_id"]);
}
