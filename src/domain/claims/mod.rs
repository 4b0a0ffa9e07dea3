mod compact;

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    ClientId, Membership, NamedClaims, Principal, Scope, Subject, TokenCaller, TokenError,
};

/// How far the authorization server's clock may be off (RFC 7519 section 4.1.4: "no more than a few
/// minutes").
const LEEWAY: TimeDelta = TimeDelta::seconds(60);

/// What an authorization server says about a token (RFC 7662 section 2.2), or a signed token about
/// itself (RFC 9068 section 2.2): well-formed and not yet trusted. Only [`UnverifiedClaims::verify`]
/// and [`UnverifiedClaims::verify_signed`] turn it into a [`TokenCaller`].
#[derive(Clone, Default)]
pub struct UnverifiedClaims {
    /// Whether the token is active; a signed token does not say.
    pub active: bool,
    /// `sub`.
    pub sub: Option<String>,
    /// `client_id`.
    pub client_id: Option<String>,
    /// `azp`, the authorized party of OpenID Connect; equivalent to `client_id`.
    pub azp: Option<String>,
    /// `scope`, words separated by spaces.
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
    /// The words of `workspaces.membership_claim`.
    pub memberships: Option<Vec<String>>,
    /// The claims that the settings of a named issuer name.
    pub named: NamedClaims,
    /// Whether there is a `cnf`: the token is bound to a key (RFC 7800) whose proof we do not check.
    pub sender_constrained: bool,
}

/// The `aud` of a token: one or several (RFC 7519 section 4.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience(pub Vec<String>);

/// What a token must claim besides being active.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// The only issuer whose tokens are accepted.
    pub issuer: String,
    /// The value that `aud` must hold, if one is configured.
    pub audience: Option<String>,
}

impl UnverifiedClaims {
    /// Makes the checks of docs/call.md in its order: whether the token is valid, whom it names, its
    /// scope. An absent `iss` or `exp` passes, because the authorization server calls the token active.
    ///
    /// # Errors
    ///
    /// The first [`TokenError`] found.
    pub fn verify(
        &self,
        rules: &TokenRules,
        scope: &Scope,
        now: DateTime<Utc>,
    ) -> Result<TokenCaller, TokenError> {
        self.check_active(rules, now)?;
        self.caller(scope)
    }

    /// Makes the same checks on the claims of a token whose signature is verified. No server vouches
    /// for it, so it must have an `iss` and an `exp` (RFC 9068 section 2.2).
    ///
    /// # Errors
    ///
    /// The first [`TokenError`] found.
    pub fn verify_signed(
        &self,
        rules: &TokenRules,
        scope: &Scope,
        now: DateTime<Utc>,
    ) -> Result<TokenCaller, TokenError> {
        if self.iss.is_none() {
            return Err(TokenError::WrongIssuer);
        }
        self.check_signed(rules, now)?;
        self.caller(scope)
    }

    /// Checks a signed token itself, and not whom it names.
    pub(super) fn check_signed(
        &self,
        rules: &TokenRules,
        now: DateTime<Utc>,
    ) -> Result<(), TokenError> {
        let exp = self.exp.ok_or(TokenError::MissingExpiry)?;
        if exp <= now - LEEWAY {
            return Err(TokenError::Expired);
        }
        self.check_token(rules, now)
    }

    /// Whether `scope` holds the word.
    pub(super) fn grants_scope(&self, scope: &Scope) -> bool {
        let granted = self.scope.as_deref();
        granted.is_some_and(|claim| scope.is_granted_by(claim))
    }

    /// Confirms a caller, proven by a signed token, with the authorization server's answer. The answer
    /// must call the token active and must not contradict it. Where it grants less than the token (a
    /// scope, a membership, an earlier end), the answer counts.
    ///
    /// # Errors
    ///
    /// The first [`TokenError`] found.
    pub fn confirm(
        &self,
        caller: TokenCaller,
        rules: &TokenRules,
        scope: &Scope,
        now: DateTime<Utc>,
    ) -> Result<TokenCaller, TokenError> {
        // The token itself names its audience; the answer need not.
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
            return Err(TokenError::Contradicted);
        }
        let granted = self.scope.as_deref();
        if granted.is_some_and(|granted| !scope.is_granted_by(granted)) {
            return Err(TokenError::MissingScope(scope.clone()));
        }
        let ends = [caller.proof_expires, self.exp].into_iter().flatten().min();
        Ok(TokenCaller {
            // Authorization servers leave an empty list out, so no list means no membership.
            memberships: both(&caller.memberships, &self.memberships()),
            proof_expires: ends,
            ..caller
        })
    }

    fn memberships(&self) -> Vec<Membership> {
        let words = self.memberships.iter().flatten();
        words.filter_map(|word| Membership::parse(word)).collect()
    }

    fn caller(&self, scope: &Scope) -> Result<TokenCaller, TokenError> {
        let principal = self.principal()?;
        if !self.grants_scope(scope) {
            return Err(TokenError::MissingScope(scope.clone()));
        }
        Ok(TokenCaller {
            principal,
            memberships: self.memberships(),
            proof_expires: self.exp,
            max_session: None,
        })
    }

    fn check_active(&self, rules: &TokenRules, now: DateTime<Utc>) -> Result<(), TokenError> {
        if !self.active {
            return Err(TokenError::Inactive);
        }
        if self.exp.is_some_and(|exp| exp <= now) {
            return Err(TokenError::Expired);
        }
        self.check_token(rules, now)
    }

    fn check_token(&self, rules: &TokenRules, now: DateTime<Utc>) -> Result<(), TokenError> {
        if self.nbf.is_some_and(|nbf| nbf > now + LEEWAY) {
            return Err(TokenError::NotYetValid);
        }
        if self.iss.as_ref().is_some_and(|iss| *iss != rules.issuer) {
            return Err(TokenError::WrongIssuer);
        }
        if rules
            .audience
            .as_ref()
            .is_some_and(|ours| !self.is_meant_for(ours))
        {
            return Err(TokenError::WrongAudience);
        }
        if !self.is_access_token() {
            return Err(TokenError::NotAnAccessToken);
        }
        if self.sender_constrained {
            return Err(TokenError::SenderConstrained);
        }
        match (&self.client_id, &self.azp) {
            (Some(client_id), Some(azp)) if client_id != azp => Err(TokenError::TwoClientIds),
            _ => Ok(()),
        }
    }

    fn is_meant_for(&self, audience: &String) -> bool {
        self.aud
            .as_ref()
            .is_some_and(|aud| aud.0.contains(audience))
    }

    /// Checks the three members by which authorization servers mark kinds of tokens. `token_type` and `typ` are compared without case (RFC 6749 section 5.1, RFC 7515
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

    /// `client_id`, or else `azp`.
    pub(super) fn client_claim(&self) -> Option<&String> {
        self.client_id.as_ref().or(self.azp.as_ref())
    }

    fn principal(&self) -> Result<Principal, TokenError> {
        match (self.client_claim(), &self.sub) {
            (Some(client_id), Some(sub)) => Ok(Principal {
                issuer: None,
                client_id: ClientId::parse(client_id).map_err(|_| TokenError::MissingClaims)?,
                subject: Subject::parse(sub).map_err(|_| TokenError::MissingClaims)?,
            }),
            _ => Err(TokenError::MissingClaims),
        }
    }
}

/// The memberships that both lists grant.
fn both(one: &[Membership], other: &[Membership]) -> Vec<Membership> {
    let in_other = |membership: &Membership| {
        let same = other
            .iter()
            .filter(|other| other.workspace == membership.workspace);
        let access = same.map(|other| other.access).max()?;
        Some(Membership {
            workspace: membership.workspace.clone(),
            access: access.min(membership.access),
        })
    };
    one.iter().filter_map(in_other).collect()
}

impl fmt::Debug for UnverifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedClaims")
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
