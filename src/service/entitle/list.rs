use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::{
    Access, ApiKeyCaller, BucketName, Caller, Grant, Owner, Restrictions, TokenCaller,
    WorkspaceName,
};
use crate::service::step::{step, traced};
use crate::service::{
    BucketRegistry, Clock, Deadline, Directory, NotEntitled, PageQuery, Refusal, RegistryError,
    ReservationState, RestrictionRegistry,
};

use super::{Entitle, STEP_TIMEOUT, allowed};

/// The position after the caller's own bucket, as text. No workspace has this name.
const OWN: &str = "own";

/// The use case "list storage": all that a [`Caller`] may open, without making any of it.
pub struct ListStorage {
    ports: ListStoragePorts,
    entitle: Entitle,
}

/// The ports of [`ListStorage`].
pub struct ListStoragePorts {
    /// Tells which workspaces a person is a member of.
    pub directory: Arc<dyn Directory>,
    /// Tells which buckets were made.
    pub buckets: Arc<dyn BucketRegistry>,
    /// Tells whom operators have blocked.
    pub restrictions: Arc<dyn RestrictionRegistry>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// A position in the list. The caller's own bucket comes first, then workspaces by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListPosition {
    /// After the caller's own bucket or organisation.
    Own,
    /// After this workspace, whether the caller may still open it or not.
    Workspace(WorkspaceName),
}

/// Not a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a position that an earlier page named")]
pub struct InvalidListPosition;

/// A page of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageList {
    /// Its entries. There may be fewer than the limit before the last page.
    pub items: Vec<ListedStorage>,
    /// Where the next page begins, if this is not the last one.
    pub next: Option<ListPosition>,
}

/// Storage that a caller may open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedStorage {
    /// Whose it is.
    pub owner: Owner,
    /// What the caller would get.
    pub grant: Grant,
    /// Whether its bucket was made.
    pub is_made: bool,
}

impl ListStorage {
    /// Makes the use case. `entitle` is the one that sessions are issued by.
    #[must_use]
    pub fn new(ports: ListStoragePorts, entitle: Entitle) -> Self {
        Self { ports, entitle }
    }

    /// Lists what the caller of a request that came at `asked` may open. Blocked owners, disabled
    /// organisations and their workspaces are left out.
    ///
    /// # Errors
    ///
    /// [`Refusal::Blocked`] or [`Refusal::BeingRevoked`] when nothing may be issued to the caller;
    /// [`Refusal::Internal`] when the registry cannot be read.
    pub async fn list(
        &self,
        caller: &Caller,
        page: &PageQuery<ListPosition>,
        asked: DateTime<Utc>,
        deadline: Deadline,
    ) -> Result<StorageList, Refusal> {
        let listing = async {
            let finding = self.find(caller, page, asked);
            let found = deadline.limit(STEP_TIMEOUT, finding).await;
            found.unwrap_or_else(|_| Err(RegistryError::late("the list of storage").into()))
        };
        traced(step!("list_storage"), listing).await
    }

    async fn find(
        &self,
        caller: &Caller,
        page: &PageQuery<ListPosition>,
        asked: DateTime<Utc>,
    ) -> Result<StorageList, Refusal> {
        let (id, now) = (caller.id(), self.ports.clock.now());
        let restrictions: Restrictions = self.ports.restrictions.restrictions().await?;
        let restrictions = restrictions.with_formula(&self.entitle.formula);
        restrictions.check(&id, None, asked, now)?;
        let mut list = match caller {
            Caller::Token(caller) => self.of_token(caller, page).await?,
            Caller::ApiKey(caller) => self.of_api_key(caller, page).await?,
        };
        list.items.retain(|item| {
            let checked = restrictions.check(&id, Some(&item.owner), asked, now);
            checked.is_ok()
        });
        Ok(list)
    }

    async fn of_token(
        &self,
        caller: &TokenCaller,
        page: &PageQuery<ListPosition>,
    ) -> Result<StorageList, Refusal> {
        let mut items = Vec::new();
        if page.after.is_none() {
            let (owner, grant) = self.entitle.own(caller, Access::ReadWrite);
            items.push(self.look_up(owner, grant).await?);
        }
        let after = match &page.after {
            Some(ListPosition::Workspace(name)) => Some(name),
            Some(ListPosition::Own) | None => None,
        };
        let left = page.limit.saturating_sub(items.len());
        let claimed: Vec<&WorkspaceName> = caller
            .memberships
            .iter()
            .map(|membership| &membership.workspace)
            .collect();
        let directory = &self.ports.directory;
        // One more, which tells whether there is another page.
        let found = directory.workspaces_of(&caller.principal, &claimed, after, left + 1);
        let mut found = found.await?;
        let has_more = found.len() > left;
        found.truncate(left);
        let last = found.last().map(|found| found.workspace.name.clone());
        items.extend(found.into_iter().filter_map(|found| {
            let name = &found.workspace.name;
            let access = allowed(name, found.registered, caller)?;
            Some(ListedStorage {
                owner: Owner::Workspace(name.clone()),
                grant: found.workspace.area.grant(access),
                is_made: found.is_made,
            })
        }));
        let here = last.map_or(ListPosition::Own, ListPosition::Workspace);
        let next = has_more.then_some(here);
        Ok(StorageList { items, next })
    }

    async fn of_api_key(
        &self,
        caller: &ApiKeyCaller,
        page: &PageQuery<ListPosition>,
    ) -> Result<StorageList, Refusal> {
        let mut items = Vec::new();
        if page.after.is_none() {
            match self.entitle.organisation(caller, Access::ReadWrite).await {
                Ok((owner, grant)) => items.push(self.look_up(owner, grant).await?),
                Err(Refusal::NotEntitled(
                    NotEntitled::KeyWithoutStorage | NotEntitled::DisabledOrganisation,
                )) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(StorageList { items, next: None })
    }

    async fn look_up(&self, owner: Owner, grant: Grant) -> Result<ListedStorage, RegistryError> {
        let is_made = self.is_made(&owner, &grant.bucket).await?;
        Ok(ListedStorage {
            owner,
            grant,
            is_made,
        })
    }

    async fn is_made(&self, owner: &Owner, bucket: &BucketName) -> Result<bool, RegistryError> {
        let bucket_owner = owner.bucket_owner(bucket);
        let state = self.ports.buckets.state(&bucket_owner, bucket).await?;
        Ok(state == Some(ReservationState::Ready))
    }
}

impl fmt::Display for ListPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str(OWN),
            Self::Workspace(name) => name.fmt(f),
        }
    }
}

impl FromStr for ListPosition {
    type Err = InvalidListPosition;

    fn from_str(text: &str) -> Result<Self, InvalidListPosition> {
        if text == OWN {
            return Ok(Self::Own);
        }
        let name = text.parse().map_err(|_| InvalidListPosition)?;
        Ok(Self::Workspace(name))
    }
}
