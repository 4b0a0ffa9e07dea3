use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn rules() -> TokenRules {
    TokenRules {
        issuer: "https://as.example".to_owned(),
        audience: Some("gateway".to_owned()),
    }
}

fn good() -> UnverifiedClaims {
    UnverifiedClaims {
        active: true,
        sub: Some("alice".to_owned()),
        client_id: Some("demo".to_owned()),
        scope: Some("openid storage".to_owned()),
        exp: Some(now() + TimeDelta::seconds(1)),
        iss: Some("https://as.example".to_owned()),
        aud: Some(Audience(vec!["other".to_owned(), "gateway".to_owned()])),
        ..UnverifiedClaims::default()
    }
}

fn verify(claims: &UnverifiedClaims) -> Result<TokenCaller, TokenError> {
    claims.verify(&rules(), &Scope::parse("storage").unwrap(), now())
}

fn problem(change: impl FnOnce(&mut UnverifiedClaims)) -> Option<TokenError> {
    let mut claims = good();
    change(&mut claims);
    verify(&claims).err()
}

#[test]
fn a_good_token_names_its_caller() {
    let caller = verify(&good()).unwrap();
    assert_eq!(caller.principal.client_id.as_str(), "demo");
    assert_eq!(caller.principal.subject.as_str(), "alice");
    assert_eq!(caller.proof_expires, good().exp);
}

#[test]
fn each_check_refuses_by_its_own_name() {
    let text = |value: &str| Some(value.to_owned());
    assert_eq!(problem(|c| c.active = false), Some(TokenError::Inactive));
    assert_eq!(problem(|c| c.exp = Some(now())), Some(TokenError::Expired));
    assert_eq!(
        problem(|c| c.nbf = Some(now() + TimeDelta::seconds(61))),
        Some(TokenError::NotYetValid)
    );
    assert_eq!(
        problem(|c| c.iss = text("https://as.example/")),
        Some(TokenError::WrongIssuer)
    );
    assert_eq!(problem(|c| c.aud = None), Some(TokenError::WrongAudience));
    assert_eq!(
        problem(|c| c.aud = Some(Audience(vec!["gate".to_owned()]))),
        Some(TokenError::WrongAudience)
    );
    assert_eq!(
        problem(|c| c.sender_constrained = true),
        Some(TokenError::SenderConstrained)
    );
    assert_eq!(
        problem(|c| c.azp = text("other")),
        Some(TokenError::TwoClientIds)
    );
    assert_eq!(problem(|c| c.sub = None), Some(TokenError::MissingClaims));
    assert_eq!(
        problem(|c| c.sub = text("")),
        Some(TokenError::MissingClaims)
    );
    assert_eq!(
        problem(|c| c.sub = text("a\0b")),
        Some(TokenError::MissingClaims)
    );
    assert_eq!(
        problem(|c| c.client_id = None),
        Some(TokenError::MissingClaims)
    );
    assert_eq!(problem(|c| c.scope = None), Some(missing_scope()));
    assert_eq!(
        problem(|c| c.scope = text("storage2")),
        Some(missing_scope())
    );
}

#[test]
fn a_signed_token_needs_issuer_and_expiry_and_says_nothing_of_active() {
    let scope = Scope::parse("storage").unwrap();
    let signed = |change: &dyn Fn(&mut UnverifiedClaims)| {
        let mut claims = UnverifiedClaims {
            active: false,
            ..good()
        };
        change(&mut claims);
        claims.verify_signed(&rules(), &scope, now()).err()
    };
    assert_eq!(signed(&|_| {}), None);
    assert_eq!(signed(&|c| c.iss = None), Some(TokenError::WrongIssuer));
    assert_eq!(signed(&|c| c.exp = None), Some(TokenError::MissingExpiry));
    let ago = |seconds| Some(now() - TimeDelta::seconds(seconds));
    assert_eq!(signed(&|c| c.exp = ago(59)), None);
    assert_eq!(signed(&|c| c.exp = ago(60)), Some(TokenError::Expired));
    assert_eq!(signed(&|c| c.exp = Some(DateTime::<Utc>::MAX_UTC)), None);
    assert_eq!(signed(&|c| c.aud = None), Some(TokenError::WrongAudience));
    assert_eq!(signed(&|c| c.scope = None), Some(missing_scope()));
    assert_eq!(signed(&|c| c.sub = None), Some(TokenError::MissingClaims));
}

#[test]
fn confirmation_takes_an_active_answer_that_does_not_contradict() {
    let caller = verify(&good()).unwrap();
    let scope = Scope::parse("storage").unwrap();
    let confirmed = |change: &dyn Fn(&mut UnverifiedClaims)| {
        let mut claims = good();
        change(&mut claims);
        claims.confirm(caller.clone(), &rules(), &scope, now())
    };
    let confirm = |change: &dyn Fn(&mut UnverifiedClaims)| confirmed(change).err();
    let scopes = |granted: &str| Some(granted.to_owned());
    assert_eq!(confirm(&|c| c.scope = None), None);
    assert_eq!(
        confirm(&|c| c.scope = scopes("openid")),
        Some(missing_scope())
    );
    let soon = now() + TimeDelta::milliseconds(500);
    let ends = confirmed(&|c| c.exp = Some(soon)).unwrap().proof_expires;
    assert_eq!(ends, Some(soon), "the earlier end counts");
    let ends = confirmed(&|c| c.exp = None).unwrap().proof_expires;
    assert_eq!(ends, good().exp);
    assert_eq!(confirm(&|_| {}), None);
    assert_eq!(confirm(&|c| (c.sub, c.client_id) = (None, None)), None);
    assert_eq!(confirm(&|c| c.aud = None), None);
    let foreign = || Some(Audience(vec!["other".to_owned()]));
    assert_eq!(
        confirm(&|c| c.aud = foreign()),
        Some(TokenError::WrongAudience)
    );
    assert_eq!(confirm(&|c| c.active = false), Some(TokenError::Inactive));
    let other = || Some("other".to_owned());
    assert_eq!(
        confirm(&|c| c.sub = other()),
        Some(TokenError::Contradicted)
    );
    assert_eq!(
        confirm(&|c| c.client_id = other()),
        Some(TokenError::Contradicted)
    );
}

#[test]
fn only_access_tokens_pass() {
    let text = |value: &str| Some(value.to_owned());
    for kind in ["N_A", "refresh_token", "DPoP", "", "mac"] {
        assert_eq!(
            problem(|c| c.token_type = text(kind)),
            Some(TokenError::NotAnAccessToken)
        );
    }
    for kind in ["ID", "Refresh", "Offline", "at+jwt2"] {
        assert_eq!(
            problem(|c| c.typ = text(kind)),
            Some(TokenError::NotAnAccessToken)
        );
    }
    for kind in ["id", "refresh"] {
        assert_eq!(
            problem(|c| c.token_use = text(kind)),
            Some(TokenError::NotAnAccessToken)
        );
    }
    for kind in ["Bearer", "bearer", "access_token"] {
        assert_eq!(problem(|c| c.token_type = text(kind)), None);
    }
    for kind in ["Bearer", "at+jwt", "JWT"] {
        assert_eq!(problem(|c| c.typ = text(kind)), None);
    }
}

#[test]
fn the_client_is_client_id_else_azp() {
    let mut claims = good();
    claims.client_id = None;
    claims.azp = Some("party".to_owned());
    assert_eq!(
        verify(&claims).unwrap().principal.client_id.as_str(),
        "party"
    );
}

#[test]
fn an_absent_issuer_or_expiry_passes_introspection() {
    assert_eq!(problem(|c| c.iss = None), None);
    assert_eq!(problem(|c| c.exp = None), None);
}

#[test]
fn an_audience_is_asked_for_only_where_configured() {
    let mut claims = good();
    claims.aud = None;
    let rules = TokenRules {
        audience: None,
        ..rules()
    };
    assert!(
        claims
            .verify(&rules, &Scope::parse("storage").unwrap(), now())
            .is_ok()
    );
}

#[test]
fn memberships_count_where_both_the_token_and_the_answer_name_them() {
    let scope = Scope::parse("storage").unwrap();
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    let mut claims = good();
    claims.memberships = words(&["/acme/research", "acme/read:read", "admins", "acme/gone"]);
    let caller = verify(&claims).unwrap();
    let names = |caller: &TokenCaller| -> Vec<(String, &str)> {
        let memberships = caller.memberships.iter();
        memberships
            .map(|of| (of.workspace.to_string(), of.access.as_str()))
            .collect()
    };
    let to = |name: &str, access| (name.to_owned(), access);
    assert_eq!(
        names(&caller),
        [
            to("acme/research", "read-write"),
            to("acme/read", "read"),
            to("acme/gone", "read-write"),
        ]
    );
    let mut answer = good();
    answer.memberships = words(&["acme/research:read", "acme/read", "acme/new"]);
    let confirmed = answer.confirm(caller.clone(), &rules(), &scope, now());
    assert_eq!(
        names(&confirmed.unwrap()),
        [to("acme/research", "read"), to("acme/read", "read")]
    );
    answer.memberships = None;
    let confirmed = answer.confirm(caller.clone(), &rules(), &scope, now());
    assert_eq!(names(&confirmed.unwrap()), [], "an empty list is left out");
}

fn missing_scope() -> TokenError {
    TokenError::MissingScope(Scope::parse("storage").unwrap())
}
