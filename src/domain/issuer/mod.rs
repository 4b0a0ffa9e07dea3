//! Trusted issuers beside `oauth.issuer`: which of their tokens are let in, and whose storage these
//! open.

mod claim_name;
mod claims;
mod condition;
mod glob;
mod grant_rule;
mod id;
mod mapping;
mod name;
mod platform;

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{
    ClientId, Principal, Scope, Subject, TokenCaller, TokenError, TokenRules, UnverifiedClaims,
};

pub use claim_name::{InvalidClaimName, check_claim_name, members_of_claim};
pub use claims::NamedClaims;
pub use condition::{Condition, Test};
pub use glob::{Glob, InvalidGlob};
pub use grant_rule::GrantRule;
pub use id::{InvalidIssuerId, IssuerId};
pub use mapping::{ClaimTemplate, ClientIdSource, InvalidTemplate};
pub use name::{InvalidIssuerName, IssuerName};
pub use platform::Platform;

/// A trusted issuer and how its tokens are read. None of it touches another issuer's tokens.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    /// The name, which the owners of its callers' storage have in theirs.
    pub name: IssuerName,
    /// What its tokens are told by.
    pub id: IssuerId,
    /// What `aud` must hold.
    pub audience: String,
    /// What `scope` must hold, if anything.
    pub required_scope: Option<Scope>,
    /// Where the client id comes from.
    pub client_id: ClientIdSource,
    /// Where the subject comes from; `sub` if `None`.
    pub subject: Option<ClaimTemplate>,
    /// What every token must claim.
    pub conditions: Vec<Condition>,
    /// The workspaces that tokens open.
    pub grants: Vec<GrantRule>,
    /// How long sessions of its callers last at most.
    pub max_session: Option<Duration>,
}

impl TrustedIssuer {
    /// Makes the checks of docs/workloads.md on the claims of a token that is signed with one of the
    /// issuer's keys. `scope` is what the route asks for, besides the issuer's own.
    ///
    /// # Errors
    ///
    /// The first [`TokenError`] found.
    pub fn verify(
        &self,
        claims: &UnverifiedClaims,
        scope: Option<&Scope>,
        now: DateTime<Utc>,
    ) -> Result<TokenCaller, TokenError> {
        if !self.is_issuer_of(claims.iss.as_deref(), claims.sub.as_deref()) {
            return Err(TokenError::WrongIssuer);
        }
        claims.check_signed(&self.rules(), now)?;
        for condition in &self.conditions {
            condition.check(&claims.named)?;
        }
        let principal = self.principal(claims)?;
        let mut scopes = scope.into_iter().chain(&self.required_scope);
        if let Some(missing) = scopes.find(|scope| !claims.grants_scope(scope)) {
            return Err(TokenError::MissingScope(missing.clone()));
        }
        let grants = self.grants.iter();
        Ok(TokenCaller {
            principal,
            memberships: grants
                .filter_map(|rule| rule.grant(&claims.named))
                .collect(),
            proof_expires: claims.exp,
            max_session: self.max_session,
        })
    }

    /// Whether a token with these claims says that it comes from this issuer.
    #[must_use]
    pub fn is_issuer_of(&self, iss: Option<&str>, sub: Option<&str>) -> bool {
        self.id.claims_to_issue(iss, sub)
    }

    /// The claims that its settings name.
    #[must_use]
    pub fn claim_names(&self) -> BTreeSet<String> {
        let conditions = self.conditions.iter().map(|one| one.claim.as_str());
        let grants = self.grants.iter().flat_map(|rule| rule.claims.keys());
        let subject = self.subject.iter().flat_map(ClaimTemplate::claims);
        let names = conditions
            .chain(grants.map(String::as_str))
            .chain(self.client_id.claims())
            .chain(subject);
        names.map(str::to_owned).collect()
    }

    /// What the registry remembers: a change gives callers' storage to others.
    #[must_use]
    pub fn fingerprint(&self) -> (String, String) {
        let subject = self.subject.as_ref().map_or("sub", ClaimTemplate::as_str);
        let parts = [self.id.as_str(), &self.client_id.to_text(), subject];
        let name = format!("issuers.{}", self.name);
        (name, serde_json::json!(parts).to_string())
    }

    fn rules(&self) -> TokenRules {
        TokenRules {
            issuer: self.id.as_str().to_owned(),
            audience: Some(self.audience.clone()),
        }
    }

    fn principal(&self, claims: &UnverifiedClaims) -> Result<Principal, TokenError> {
        let unusable = |_| TokenError::MissingClaims;
        let client_id = match &self.client_id {
            ClientIdSource::Fixed(client_id) => Ok(client_id.clone()),
            ClientIdSource::Claims(template) => {
                ClientId::parse(&template.fill(&claims.named)?).map_err(unusable)
            }
            ClientIdSource::Standard => {
                let claimed = claims.client_claim().ok_or(TokenError::MissingClaims)?;
                ClientId::parse(claimed).map_err(unusable)
            }
        };
        let subject = match &self.subject {
            Some(template) => Subject::parse(&template.fill(&claims.named)?),
            None => Subject::parse(claims.sub.as_deref().unwrap_or_default()),
        };
        Ok(Principal {
            issuer: Some(self.name.clone()),
            client_id: client_id?,
            subject: subject.map_err(unusable)?,
        })
    }
}

#[cfg(test)]
mod tests;
