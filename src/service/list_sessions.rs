use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{
    Access, BucketName, Caller, CallerId, Owner, Prefix, RequestId, Restricted, Restrictions,
};

use super::revoke::LONGEST_SESSION;
use super::step::{step, traced};
use super::{Clock, CurrentRestrictions, Deadline, PageQuery, Refusal, RegistryError};

/// How far back the list goes: as long as the longest session lasts, so it has all that may still work,
/// and the registry still knows all their revocations.
const LATELY: TimeDelta = LONGEST_SESSION;

/// How long the registry may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(3);

/// The use case "list sessions": what was handed out to a [`Caller`] lately.
pub struct ListSessions {
    ports: ListSessionsPorts,
}

/// The ports of [`ListSessions`].
pub struct ListSessionsPorts {
    /// Knows what was handed out.
    pub sessions: Arc<dyn SessionHistory>,
    /// Knows whose sessions were revoked.
    pub restrictions: Arc<CurrentRestrictions>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// Knows which sessions were handed out.
#[async_trait]
pub trait SessionHistory: Send + Sync {
    /// The sessions that were handed out to this caller since then, the newest first, at most so many;
    /// those before `after`, if it is set. `None` if `after` is no session of the caller's.
    async fn issued_to(
        &self,
        caller: &CallerId,
        since: DateTime<Utc>,
        after: Option<&RequestId>,
        at_most: usize,
    ) -> Result<Option<Vec<IssuedSession>>, RegistryError>;
}

/// A session that was handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedSession {
    /// The call that it was handed out to.
    pub request_id: RequestId,
    /// When.
    pub time: DateTime<Utc>,
    /// The dialect of the call.
    pub dialect: String,
    /// Whose storage it opens.
    pub owner: Owner,
    /// The bucket.
    pub bucket: BucketName,
    /// Which part of it, if not all.
    pub prefix: Option<Prefix>,
    /// What may be done with the objects.
    pub access: Access,
    /// The id of its key.
    pub access_key_id: String,
    /// When it ends.
    pub expiration: DateTime<Utc>,
}

/// A page of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionList {
    /// Its entries, the newest first.
    pub items: Vec<ListedSession>,
    /// The last of them, if there are more.
    pub next: Option<RequestId>,
}

/// A session in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSession {
    /// The session.
    pub session: IssuedSession,
    /// Whether the caller's sessions, or those for this storage, were revoked since.
    pub is_revoked: bool,
}

impl ListSessions {
    /// Makes the use case.
    #[must_use]
    pub fn new(ports: ListSessionsPorts) -> Self {
        Self { ports }
    }

    /// Lists what was handed out to the caller of a request that came at `asked`, in the last 12 hours.
    ///
    /// # Errors
    ///
    /// [`Refusal::Blocked`] when the caller is blocked; [`Refusal::MalformedRequest`] when `page` does
    /// not begin at a session of the caller's; [`Refusal::Internal`] when the registry cannot be read.
    pub async fn list(
        &self,
        caller: &Caller,
        page: &PageQuery<RequestId>,
        asked: DateTime<Utc>,
        deadline: Deadline,
    ) -> Result<SessionList, Refusal> {
        let caller = caller.id();
        let listing = async {
            let finding = self.find(&caller, page, asked);
            let found = deadline.limit(STEP_TIMEOUT, finding).await;
            found.unwrap_or_else(|_| Err(RegistryError::late("the list of sessions").into()))
        };
        traced(step!("list_sessions"), listing).await
    }

    async fn find(
        &self,
        caller: &CallerId,
        page: &PageQuery<RequestId>,
        asked: DateTime<Utc>,
    ) -> Result<SessionList, Refusal> {
        let now = self.ports.clock.now();
        let restrictions = self.ports.restrictions.fresh().await?;
        must_not_be_blocked(&restrictions, caller, asked, now)?;
        let (since, after) = (now - LATELY, page.after.as_ref());
        // One more, which tells whether there is another page.
        let sessions = &self.ports.sessions;
        let found = sessions.issued_to(caller, since, after, page.limit + 1);
        let mut found = found.await?.ok_or(NOT_THEIRS)?;
        let has_more = found.len() > page.limit;
        found.truncate(page.limit);
        let last = found.last().map(|session| session.request_id);
        let entry = |session: IssuedSession| ListedSession {
            is_revoked: is_revoked(&session, caller, &restrictions),
            session,
        };
        Ok(SessionList {
            items: found.into_iter().map(entry).collect(),
            next: last.filter(|_| has_more),
        })
    }
}

/// An unknown id and another caller's id get the same refusal, so ids cannot be probed.
const NOT_THEIRS: Refusal =
    Refusal::MalformedRequest("The parameter after is not the next of an earlier page.");

/// A caller whose sessions are being revoked may look.
fn must_not_be_blocked(
    restrictions: &Restrictions,
    caller: &CallerId,
    asked: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    match restrictions.check(caller, None, asked, now) {
        Err(blocked @ Restricted::Blocked { .. }) => Err(blocked.into()),
        Err(Restricted::BeingRevoked) | Ok(()) => Ok(()),
    }
}

fn is_revoked(session: &IssuedSession, caller: &CallerId, restrictions: &Restrictions) -> bool {
    let before = restrictions.revoked_before(caller, &session.owner);
    before.is_some_and(|before| session.request_id.time() < before)
}
