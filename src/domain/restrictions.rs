use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{BucketFormula, CallerId, Owner, Principal};

/// The start of a person's name in blocks, and where it is not a pseudonym.
const PERSON: &str = "principal ";
const PERSON_BY_NAME: &str = "principal [";

/// Whom operators have blocked and whose sessions they have revoked, at one version of the registry.
#[derive(Clone, Debug, Default)]
pub struct Restrictions {
    version: i64,
    blocks: HashMap<(String, String), BlockInForce>,
    revocations: HashMap<(String, String), RevocationInForce>,
    /// Makes pseudonyms, if a block names one.
    formula: Option<BucketFormula>,
}

/// What a call needs to know of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockInForce {
    /// Why it is there.
    pub reason: String,
    /// When it ends, if it does.
    pub until: Option<DateTime<Utc>>,
}

/// What a call needs to know of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevocationInForce {
    /// Sessions that were asked for before then are revoked.
    pub before: DateTime<Utc>,
    /// No session is opened until then: the store is being told.
    pub frozen_until: Option<DateTime<Utc>>,
}

/// Why nothing is issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restricted {
    /// An operator has blocked the owner, the caller or the client.
    Blocked {
        /// Which of them, in a word.
        kind: &'static str,
        /// Why.
        reason: String,
    },
    /// Their sessions are being revoked. It takes seconds.
    BeingRevoked,
}

impl Restrictions {
    /// The restrictions by kind and name, as the registry has them at this version.
    #[must_use]
    pub fn new(
        version: i64,
        blocks: HashMap<(String, String), BlockInForce>,
        revocations: HashMap<(String, String), RevocationInForce>,
    ) -> Self {
        Self {
            version,
            blocks,
            revocations,
            formula: None,
        }
    }

    /// The same for gateways with this formula. People who were erased are blocked by their pseudonyms.
    #[must_use]
    pub fn with_formula(self, formula: &BucketFormula) -> Self {
        let mut names = self.blocks.keys().map(|(_, name)| name);
        let any = names.any(|name| name.starts_with(PERSON) && !name.starts_with(PERSON_BY_NAME));
        Self {
            formula: any.then(|| formula.clone()),
            ..self
        }
    }

    /// Counts the changes of the registry's restrictions.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Checks a request of this caller, which came at `asked`, for this owner's storage.
    ///
    /// # Errors
    ///
    /// [`Restricted`] when nothing may be issued.
    pub fn check(
        &self,
        caller: &CallerId,
        owner: Option<&Owner>,
        asked: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), Restricted> {
        if self.blocks.is_empty() && self.revocations.is_empty() {
            return Ok(());
        }
        self.check_block("caller", caller.to_string(), now)?;
        if let CallerId::Principal(principal) = caller {
            self.check_pseudonym("caller", principal, now)?;
            self.check_block("client", principal.client_id.as_str().to_owned(), now)?;
        }
        if let Some(owner) = owner {
            self.check_block("owner", owner.to_string(), now)?;
        }
        if let Some(Owner::Principal(principal)) = owner {
            self.check_pseudonym("owner", principal, now)?;
        }
        let mut revocations = self.revocations_of(caller, owner);
        let is_too_early = |revocation: RevocationInForce| {
            asked < revocation.before || revocation.frozen_until.is_some_and(|until| now < until)
        };
        if revocations.any(is_too_early) {
            return Err(Restricted::BeingRevoked);
        }
        Ok(())
    }

    /// Since when sessions of this caller for this owner's storage are good, if any were revoked.
    #[must_use]
    pub fn revoked_before(&self, caller: &CallerId, owner: &Owner) -> Option<DateTime<Utc>> {
        if self.revocations.is_empty() {
            return None;
        }
        let revocations = self.revocations_of(caller, Some(owner));
        revocations.map(|revocation| revocation.before).max()
    }

    /// Whether the caller is a person who was erased and not let in again.
    #[must_use]
    pub fn is_erased(&self, caller: &CallerId) -> bool {
        let (CallerId::Principal(principal), Some(formula)) = (caller, &self.formula) else {
            return false;
        };
        let name = name_of_erased(principal, formula);
        self.blocks.contains_key(&("caller".to_owned(), name))
    }

    fn check_pseudonym(
        &self,
        kind: &'static str,
        principal: &Principal,
        now: DateTime<Utc>,
    ) -> Result<(), Restricted> {
        match &self.formula {
            Some(formula) => self.check_block(kind, name_of_erased(principal, formula), now),
            None => Ok(()),
        }
    }

    fn check_block(
        &self,
        kind: &'static str,
        name: String,
        now: DateTime<Utc>,
    ) -> Result<(), Restricted> {
        match self.blocks.get(&(kind.to_owned(), name)) {
            Some(block) if block.until.is_none_or(|until| now < until) => {
                let reason = block.reason.clone();
                Err(Restricted::Blocked { kind, reason })
            }
            _ => Ok(()),
        }
    }

    fn revocations_of(
        &self,
        caller: &CallerId,
        owner: Option<&Owner>,
    ) -> impl Iterator<Item = RevocationInForce> {
        let caller = Some(("caller".to_owned(), caller.to_string()));
        let owner = owner.map(|owner| ("owner".to_owned(), owner.to_string()));
        let keys = caller.into_iter().chain(owner);
        keys.filter_map(|key| self.revocations.get(&key).copied())
    }
}

/// How a block names a person who was erased.
#[must_use]
pub fn name_of_erased(principal: &Principal, formula: &BucketFormula) -> String {
    let owner = Owner::Principal(principal.clone());
    format!("{PERSON}{}", formula.digest(&owner).pseudonym())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::{ClientId, Principal, Subject};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn minutes(minutes: i64) -> DateTime<Utc> {
        now() + TimeDelta::minutes(minutes)
    }

    fn alice() -> Principal {
        Principal {
            issuer: None,
            client_id: ClientId::parse("demo").unwrap(),
            subject: Subject::parse("alice").unwrap(),
        }
    }

    fn blocking(kind: &str, name: &str, until: Option<DateTime<Utc>>) -> Restrictions {
        let block = BlockInForce {
            reason: "lost laptop".to_owned(),
            until,
        };
        let blocks = HashMap::from([((kind.to_owned(), name.to_owned()), block)]);
        Restrictions::new(1, blocks, HashMap::new())
    }

    fn check(restrictions: &Restrictions) -> Result<(), Restricted> {
        let caller = CallerId::Principal(alice());
        let owner = Owner::Workspace("acme/research".parse().unwrap());
        restrictions.check(&caller, Some(&owner), now(), now())
    }

    #[test]
    fn an_owner_a_caller_and_a_client_can_be_blocked() {
        for (kind, name) in [
            ("owner", "workspace acme/research"),
            ("caller", r#"principal ["demo","alice"]"#),
            ("client", "demo"),
        ] {
            let refused = check(&blocking(kind, name, None));
            let reason = "lost laptop".to_owned();
            assert_eq!(refused, Err(Restricted::Blocked { kind, reason }));
        }
    }

    #[test]
    fn a_person_who_was_erased_is_blocked_by_the_pseudonym() {
        let formula = BucketFormula::default();
        let bob = Principal {
            subject: Subject::parse("bob").unwrap(),
            ..alice()
        };
        let check = |kind: &str, caller: Principal, owner: Owner| {
            let blocking = blocking(kind, &name_of_erased(&alice(), &formula), None);
            let restrictions = blocking.with_formula(&formula);
            let caller = CallerId::Principal(caller);
            restrictions
                .check(&caller, Some(&owner), now(), now())
                .is_ok()
        };
        let research = || Owner::Workspace("acme/research".parse().unwrap());
        assert!(!check("caller", alice(), research()));
        assert!(check("caller", bob.clone(), research()));
        assert!(!check("owner", alice(), Owner::Principal(alice())));
        assert!(check("owner", alice(), research()));
        assert!(check("owner", bob.clone(), Owner::Principal(bob)));
    }

    #[test]
    fn a_block_of_another_does_not_count() {
        for (kind, name) in [
            ("owner", "workspace acme/sales"),
            ("owner", r#"principal ["demo","alice"]"#),
            ("caller", r#"principal ["demo","bob"]"#),
            ("caller", r#"principal ["other","alice"]"#),
            ("client", "demo2"),
            ("client", "alice"),
        ] {
            assert_eq!(check(&blocking(kind, name, None)), Ok(()), "{kind} {name}");
        }
    }

    #[test]
    fn a_block_ends_when_its_time_has_come() {
        assert!(check(&blocking("client", "demo", Some(minutes(1)))).is_err());
        assert!(check(&blocking("client", "demo", Some(minutes(0)))).is_ok());
    }

    #[test]
    fn nothing_is_opened_while_sessions_are_revoked_nor_for_a_request_from_before() {
        let revoking = |before, frozen_until| {
            let key = ("owner".to_owned(), "workspace acme/research".to_owned());
            let revocation = RevocationInForce {
                before,
                frozen_until,
            };
            Restrictions::new(1, HashMap::new(), HashMap::from([(key, revocation)]))
        };
        let refused = Err(Restricted::BeingRevoked);
        assert_eq!(check(&revoking(minutes(-1), Some(minutes(1)))), refused);
        assert_eq!(check(&revoking(minutes(1), None)), refused);
        let done = revoking(minutes(-1), None);
        assert_eq!(check(&done), Ok(()));
        assert_eq!(check(&revoking(minutes(-1), Some(minutes(-1)))), Ok(()));
        let caller = CallerId::Principal(alice());
        let theirs = Owner::Workspace("acme/research".parse().unwrap());
        assert_eq!(done.revoked_before(&caller, &theirs), Some(minutes(-1)));
        let own = Owner::Principal(alice());
        assert_eq!(done.revoked_before(&caller, &own), None);
    }
}
