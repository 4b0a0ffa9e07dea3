use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Caller, ClientId, Principal, Scope, Subject};

/// How far the authorization server's clock may be from ours (RFC 7519 section 4.1.4: "a few
/// minutes at most").
const LEEWAY: TimeDelta = TimeDelta::seconds(60);

/// What an authorization server says of a token (RFC 7662 section 2.2), or a signed token of
/// itself (RFC 9068 section 2.2): well-formed, and not yet believed. Only
/// [`UnverifiedClaims::verify`] and [`UnverifiedClaims::verify_signed`] make a [`Caller`] of it.
#[derive(Clone, Default)]
pub struct UnverifiedClaims {
    /// Whether the token is active; a signed token does not say.
    pub active: bool,
    /// `sub`.
    pub sub: Option<String>,
    /// `client_id`.
    pub client_id: Option<String>,
    /// `azp`, the authorized party of OpenID Connect; says what `client_id` says.
    pub azp: Option<String>,
    /// `scope`, words parted by spaces.
    pub scope: Option<String>,
    /// `exp`.
    pub exp: Option<DateTime<Utc>>,
    /// `nbf`.
    pub nbf: Option<DateTime<Utc>>,
    /// `iss`.
    pub iss: Option<String>,
    /// `aud`.
    pub aud: Option<Audience>,
    /// `token_type` (RFC 7662).
    pub token_type: Option<String>,
    /// `typ`, as Keycloak writes it.
    pub typ: Option<String>,
    /// `token_use`, as Amazon Cognito writes it.
    pub token_use: Option<String>,
    /// Whether there is a `cnf`: the token is bound to a key (RFC 7800) whose proof we do not check.
    pub sender_constrained: bool,
}

/// The `aud` of a token: one or several (RFC 7519 section 4.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience(pub Vec<String>);

/// What a token must say, beyond being active.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// The only issuer whose tokens count.
    pub issuer: String,
    /// Must be in `aud`, where configured.
    pub audience: Option<String>,
}

/// Why a token that was asked about opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    /// The authorization server says so.
    #[error("the token is not active")]
    Inactive,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// A signed token without `exp`: no token stands for ever on its signature alone.
    #[error("the token does not say when it ends")]
    EndlessJwt,
    /// `nbf` is to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iss` is not ours.
    #[error("the token is another issuer's")]
    WrongIssuer,
    /// `aud` does not hold ours.
    #[error("the token is meant for another audience")]
    WrongAudience,
    /// An ID token, a refresh token or something unknown.
    #[error("the token is not an access token")]
    NotAnAccessToken,
    /// `cnf`.
    #[error("the token is bound to a key")]
    SenderConstrained,
    /// `client_id` and `azp` differ.
    #[error("the token names two clients")]
    TwoClientIds,
    /// It ends before the shortest session would (`storage.cap_to_token_expiry`).
    #[error("the token ends before the shortest session would")]
    EndsTooSoon,
    /// No usable `sub` or client id.
    #[error("the token lacks a usable sub or client id")]
    MissingClaims,
    /// The scope word is not there.
    #[error("the token lacks the scope")]
    MissingScope,
    /// Neither signed by the authorization server nor anything it might know.
    #[error("the token is forged: {0}")]
    Forged(&'static str),
    /// The authorization server names another subject or client than the signed token does.
    #[error("the authorization server contradicts the token")]
    Contradicted,
}

impl UnverifiedClaims {
    /// The checks of contract section 4, in the order of section 8: the token, its claims, its
    /// scope. An absent `iss` or `exp` passes: the authorization server said "active".
    ///
    /// # Errors
    ///
    /// The first [`TokenProblem`] found.
    pub fn verify(
        &self,
        rules: &TokenRules,
        scope: &Scope,
        now: DateTime<Utc>,
    ) -> Result<Caller, TokenProblem> {
        self.check_active(rules, now)?;
        self.caller(scope)
    }

    /// The same for the claims of a signed token, whose signature has been checked. They stand
    /// alone, so there must be an `iss` and an `exp` (RFC 9068 section 2.2).
    ///
    /// # Errors
    ///
    /// The first [`TokenProblem`] found.
    pub fn verify_signed(
        &self,
        rules: &TokenRules,
        scope: &Scope,
        now: DateTime<Utc>,
    ) -> Result<Caller, TokenProblem> {
        if self.iss.is_none() {
            return Err(TokenProblem::WrongIssuer);
        }
        let exp = self.exp.ok_or(TokenProblem::EndlessJwt)?;
        if exp <= now - LEEWAY {
            return Err(TokenProblem::Expired);
        }
        self.check_token(rules, now)?;
        self.caller(scope)
    }

    /// What is left of a caller whom a signed token proved, when the authorization server is asked
    /// as well: it must call the token active and must not contradict it. What it grants less than
    /// the token says, a scope taken back or an earlier end, counts.
    ///
    /// # Errors
    ///
    /// The first [`TokenProblem`] found.
    pub fn confirm(
        &self,
        caller: Caller,
        rules: &TokenRules,
        scope: &Scope,
        now: DateTime<Utc>,
    ) -> Result<Caller, TokenProblem> {
        // The token itself has named its audience; the answer need not.
        let rules = TokenRules {
            audience: rules.audience.clone().filter(|_| self.aud.is_some()),
            issuer: rules.issuer.clone(),
        };
        self.check_active(&rules, now)?;
        let says = |claim: Option<&String>, proven: &str| claim.is_none_or(|claim| claim == proven);
        let principal = &caller.principal;
        let agrees = says(self.sub.as_ref(), principal.subject.as_str())
            && says(self.client_claim(), principal.client_id.as_str());
        if !agrees {
            return Err(TokenProblem::Contradicted);
        }
        let granted = self.scope.as_deref();
        if granted.is_some_and(|granted| !scope.is_granted_by(granted)) {
            return Err(TokenProblem::MissingScope);
        }
        let ends = [caller.proof_expires, self.exp].into_iter().flatten().min();
        Ok(Caller {
            proof_expires: ends,
            ..caller
        })
    }

    fn caller(&self, scope: &Scope) -> Result<Caller, TokenProblem> {
        let principal = self.principal()?;
        let granted = self.scope.as_deref();
        if !granted.is_some_and(|claim| scope.is_granted_by(claim)) {
            return Err(TokenProblem::MissingScope);
        }
        Ok(Caller {
            principal,
            proof_expires: self.exp,
        })
    }

    fn check_active(&self, rules: &TokenRules, now: DateTime<Utc>) -> Result<(), TokenProblem> {
        if !self.active {
            return Err(TokenProblem::Inactive);
        }
        if self.exp.is_some_and(|exp| exp <= now) {
            return Err(TokenProblem::Expired);
        }
        self.check_token(rules, now)
    }

    fn check_token(&self, rules: &TokenRules, now: DateTime<Utc>) -> Result<(), TokenProblem> {
        if self.nbf.is_some_and(|nbf| nbf > now + LEEWAY) {
            return Err(TokenProblem::NotYetValid);
        }
        if self.iss.as_ref().is_some_and(|iss| *iss != rules.issuer) {
            return Err(TokenProblem::WrongIssuer);
        }
        if rules
            .audience
            .as_ref()
            .is_some_and(|ours| !self.is_meant_for(ours))
        {
            return Err(TokenProblem::WrongAudience);
        }
        if !self.is_access_token() {
            return Err(TokenProblem::NotAnAccessToken);
        }
        if self.sender_constrained {
            return Err(TokenProblem::SenderConstrained);
        }
        match (&self.client_id, &self.azp) {
            (Some(client_id), Some(azp)) if client_id != azp => Err(TokenProblem::TwoClientIds),
            _ => Ok(()),
        }
    }

    fn is_meant_for(&self, audience: &String) -> bool {
        self.aud
            .as_ref()
            .is_some_and(|aud| aud.0.contains(audience))
    }

    /// The three members by which authorization servers tell kinds of token apart, each by its own
    /// list. `token_type` and `typ` are compared without case (RFC 6749 section 5.1, RFC 7515
    /// section 4.1.9).
    fn is_access_token(&self) -> bool {
        let is_one_of = |value: &Option<String>, list: &[&str]| {
            value
                .as_ref()
                .is_none_or(|value| list.iter().any(|kind| value.eq_ignore_ascii_case(kind)))
        };
        is_one_of(&self.token_type, &["Bearer", "access_token"])
            && is_one_of(&self.typ, &["Bearer", "at+jwt", "JWT"])
            && is_one_of(&self.token_use, &["access", "access_token"])
    }

    fn client_claim(&self) -> Option<&String> {
        self.client_id.as_ref().or(self.azp.as_ref())
    }

    fn principal(&self) -> Result<Principal, TokenProblem> {
        match (self.client_claim(), &self.sub) {
            (Some(client_id), Some(sub)) => Ok(Principal {
                client_id: ClientId::parse(client_id).map_err(|_| TokenProblem::MissingClaims)?,
                subject: Subject::parse(sub).map_err(|_| TokenProblem::MissingClaims)?,
            }),
            _ => Err(TokenProblem::MissingClaims),
        }
    }
}

impl fmt::Debug for UnverifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedClaims")
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
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

    fn verify(claims: &UnverifiedClaims) -> Result<Caller, TokenProblem> {
        claims.verify(&rules(), &Scope::parse("storage").unwrap(), now())
    }

    fn problem(change: impl FnOnce(&mut UnverifiedClaims)) -> Option<TokenProblem> {
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
        assert_eq!(problem(|c| c.active = false), Some(TokenProblem::Inactive));
        assert_eq!(
            problem(|c| c.exp = Some(now())),
            Some(TokenProblem::Expired)
        );
        assert_eq!(
            problem(|c| c.nbf = Some(now() + TimeDelta::seconds(61))),
            Some(TokenProblem::NotYetValid)
        );
        assert_eq!(
            problem(|c| c.iss = text("https://as.example/")),
            Some(TokenProblem::WrongIssuer)
        );
        assert_eq!(problem(|c| c.aud = None), Some(TokenProblem::WrongAudience));
        assert_eq!(
            problem(|c| c.aud = Some(Audience(vec!["gate".to_owned()]))),
            Some(TokenProblem::WrongAudience)
        );
        assert_eq!(
            problem(|c| c.sender_constrained = true),
            Some(TokenProblem::SenderConstrained)
        );
        assert_eq!(
            problem(|c| c.azp = text("other")),
            Some(TokenProblem::TwoClientIds)
        );
        assert_eq!(problem(|c| c.sub = None), Some(TokenProblem::MissingClaims));
        assert_eq!(
            problem(|c| c.sub = text("")),
            Some(TokenProblem::MissingClaims)
        );
        assert_eq!(
            problem(|c| c.sub = text("a\0b")),
            Some(TokenProblem::MissingClaims)
        );
        assert_eq!(
            problem(|c| c.client_id = None),
            Some(TokenProblem::MissingClaims)
        );
        assert_eq!(
            problem(|c| c.scope = None),
            Some(TokenProblem::MissingScope)
        );
        assert_eq!(
            problem(|c| c.scope = text("storage2")),
            Some(TokenProblem::MissingScope)
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
        assert_eq!(signed(&|c| c.iss = None), Some(TokenProblem::WrongIssuer));
        assert_eq!(signed(&|c| c.exp = None), Some(TokenProblem::EndlessJwt));
        let ago = |seconds| Some(now() - TimeDelta::seconds(seconds));
        assert_eq!(signed(&|c| c.exp = ago(59)), None);
        assert_eq!(signed(&|c| c.exp = ago(60)), Some(TokenProblem::Expired));
        assert_eq!(signed(&|c| c.exp = Some(DateTime::<Utc>::MAX_UTC)), None);
        assert_eq!(signed(&|c| c.aud = None), Some(TokenProblem::WrongAudience));
        assert_eq!(
            signed(&|c| c.scope = None),
            Some(TokenProblem::MissingScope)
        );
        assert_eq!(signed(&|c| c.sub = None), Some(TokenProblem::MissingClaims));
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
            Some(TokenProblem::MissingScope)
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
            Some(TokenProblem::WrongAudience)
        );
        assert_eq!(confirm(&|c| c.active = false), Some(TokenProblem::Inactive));
        let other = || Some("other".to_owned());
        assert_eq!(
            confirm(&|c| c.sub = other()),
            Some(TokenProblem::Contradicted)
        );
        assert_eq!(
            confirm(&|c| c.client_id = other()),
            Some(TokenProblem::Contradicted)
        );
    }

    #[test]
    fn only_access_tokens_pass() {
        let text = |value: &str| Some(value.to_owned());
        for kind in ["N_A", "refresh_token", "DPoP", "", "mac"] {
            assert_eq!(
                problem(|c| c.token_type = text(kind)),
                Some(TokenProblem::NotAnAccessToken)
            );
        }
        for kind in ["ID", "Refresh", "Offline", "at+jwt2"] {
            assert_eq!(
                problem(|c| c.typ = text(kind)),
                Some(TokenProblem::NotAnAccessToken)
            );
        }
        for kind in ["id", "refresh"] {
            assert_eq!(
                problem(|c| c.token_use = text(kind)),
                Some(TokenProblem::NotAnAccessToken)
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
}
