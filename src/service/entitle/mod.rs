mod list;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join;

use crate::domain::{
    Access, ApiKeyCaller, BucketFormula, Caller, Grant, Owner, OwnerPseudonym, TokenCaller,
    WorkspaceName,
};

use super::step::{step, traced};
use super::{Deadline, Directory, NotEntitled, Refusal, RegistryError};

pub use list::{
    InvalidListPosition, ListPosition, ListStorage, ListStoragePorts, ListedStorage, StorageList,
};

/// How long the registry may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(3);

/// The use case "what is theirs": from a [`Caller`] to an [`Owner`] and a [`Grant`].
pub struct Entitle {
    directory: Arc<dyn Directory>,
    formula: BucketFormula,
}

/// Whose storage a request asks for. A route for one kind of caller opens nothing to another kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The caller's own bucket.
    Own,
    /// The storage of the caller's organisation.
    Organisation,
    /// The storage of this workspace.
    Workspace(WorkspaceName),
}

impl Entitle {
    /// Makes the use case.
    #[must_use]
    pub fn new(directory: Arc<dyn Directory>, formula: BucketFormula) -> Self {
        Self { directory, formula }
    }

    /// The owner's name in log lines and session names.
    #[must_use]
    pub fn pseudonym(&self, owner: &Owner) -> OwnerPseudonym {
        self.formula.digest(owner).pseudonym()
    }

    /// What the caller may open, with `access` at most. Nothing is remembered between calls: a removed
    /// member is refused at the next call.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotEntitled`] when the caller may not open it.
    pub async fn entitle(
        &self,
        caller: &Caller,
        wanted: &Wanted,
        access: Access,
        deadline: Deadline,
    ) -> Result<(Owner, Grant), Refusal> {
        let finding = async {
            let finding = self.find(caller, wanted, access);
            let found = deadline.limit(STEP_TIMEOUT, finding).await;
            found.unwrap_or_else(|_| Err(RegistryError::late("entitlement").into()))
        };
        traced(step!("entitle"), finding).await
    }

    async fn find(
        &self,
        caller: &Caller,
        wanted: &Wanted,
        access: Access,
    ) -> Result<(Owner, Grant), Refusal> {
        match (wanted, caller) {
            (Wanted::Own, Caller::Token(caller)) => Ok(self.own(caller, access)),
            (Wanted::Organisation, Caller::ApiKey(caller)) => {
                self.organisation(caller, access).await
            }
            (Wanted::Workspace(name), Caller::Token(caller)) => {
                self.of_member(name, caller, access).await
            }
            (Wanted::Own | Wanted::Workspace(_), Caller::ApiKey(_))
            | (Wanted::Organisation, Caller::Token(_)) => Err(NotEntitled::WrongCredential.into()),
        }
    }

    fn own(&self, caller: &TokenCaller, access: Access) -> (Owner, Grant) {
        let owner = Owner::Principal(caller.principal.clone());
        let grant = Grant::whole(self.formula.bucket(&owner), access);
        (owner, grant)
    }

    async fn organisation(
        &self,
        caller: &ApiKeyCaller,
        access: Access,
    ) -> Result<(Owner, Grant), Refusal> {
        if !caller.storage {
            return Err(NotEntitled::KeyWithoutStorage.into());
        }
        let slug = &caller.organisation;
        let found = self.directory.organisation(slug).await?;
        let found = found.filter(|organisation| organisation.is_enabled);
        let organisation = found.ok_or(NotEntitled::DisabledOrganisation)?;
        let owner = Owner::Organisation(slug.clone());
        Ok((owner, organisation.area.grant(access)))
    }

    /// Non-members learn nothing, not even whether there is such a workspace.
    async fn of_member(
        &self,
        name: &WorkspaceName,
        caller: &TokenCaller,
        access: Access,
    ) -> Result<(Owner, Grant), Refusal> {
        // Both are read in any case: otherwise the time would tell whether there is such a workspace.
        let (found, registered) = try_join(
            self.directory.workspace(name),
            self.directory.membership(name, &caller.principal),
        )
        .await?;
        let found = found.filter(|workspace| workspace.deleted_at.is_none());
        let workspace = found.ok_or(NotEntitled::NoMember)?;
        let allowed = allowed(name, registered, caller).ok_or(NotEntitled::NoMember)?;
        if !workspace.organisation_is_enabled {
            return Err(NotEntitled::DisabledOrganisation.into());
        }
        let owner = Owner::Workspace(name.clone());
        Ok((owner, workspace.area.grant(allowed.min(access))))
    }
}

/// What the registry and the token allow together.
fn allowed(
    name: &WorkspaceName,
    registered: Option<Access>,
    caller: &TokenCaller,
) -> Option<Access> {
    let claimed = caller
        .memberships
        .iter()
        .filter(|membership| membership.workspace == *name)
        .map(|membership| membership.access);
    registered.into_iter().chain(claimed).max()
}
