//! Which sessions to end in whose storage.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::domain::{Access, Grant, Owner, RoleSessionName};
use crate::service::RegistryError;

use super::{LONGEST_SESSION, LastExpiry, LiveSession, RevokeSessions, SessionsOf, WhichSessions};

/// The most sessions that a store is told by name: a bucket's policy has at most 20 KB.
const MAX_NAMES: usize = 100;

/// The sessions to end in one owner's storage.
pub(super) struct Part {
    pub(super) owner: Owner,
    /// As the sessions open it; none if no session is live.
    pub(super) opened: Option<Grant>,
    pub(super) which: WhichSessions,
    /// Whether that is more than was asked for.
    pub(super) is_wider: bool,
    pub(super) last: LastExpiry,
    pub(super) count: usize,
}

impl RevokeSessions {
    /// What to end in which storage. A caller's own storage is opened by that caller alone, and counts even
    /// if no session is known: a restored registry has lost the rows of the last ones.
    pub(super) fn parts(
        &self,
        of: &SessionsOf,
        live: &[LiveSession],
        before: DateTime<Utc>,
    ) -> Vec<Part> {
        let last = self.end.clock.now() + LONGEST_SESSION;
        let whole = |owner: &Owner| {
            let its = live.iter().filter(|session| session.owner == *owner);
            Part {
                owner: owner.clone(),
                opened: its.clone().next().map(LiveSession::to_read),
                which: WhichSessions::Before(before),
                is_wider: false,
                last: LastExpiry {
                    at: its
                        .clone()
                        .map(|session| session.expiration)
                        .max()
                        .unwrap_or(last),
                    is_live: its.clone().next().is_some(),
                },
                count: its.count(),
            }
        };
        if let SessionsOf::Owner(owner) = of {
            return vec![whole(owner)];
        }
        let mut by_owner: BTreeMap<String, Vec<&LiveSession>> = BTreeMap::new();
        for session in live {
            let sessions = by_owner.entry(session.owner.to_string()).or_default();
            sessions.push(session);
        }
        let part = |sessions: Vec<&LiveSession>| {
            let first = sessions.first()?;
            let digest = self.end.formula.digest(&first.owner);
            let names = sessions.iter();
            let names = names.map(|session| RoleSessionName::new(&digest, &session.request_id));
            let mut names: Vec<RoleSessionName> = names.collect();
            names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
            names.dedup();
            let mut part = whole(&first.owner);
            let is_own = matches!(of, SessionsOf::Caller(_)) && first.is_own();
            if !is_own && names.len() <= MAX_NAMES {
                part.which = WhichSessions::Named(names);
            } else {
                part.is_wider = !is_own;
            }
            Some(part)
        };
        let own = of
            .own_storage()
            .filter(|own| !by_owner.contains_key(&own.to_string()));
        let own = own.as_ref().map(whole);
        by_owner.into_values().filter_map(part).chain(own).collect()
    }

    /// What the owner's storage is; none if it has none.
    pub(super) async fn grant(&self, owner: &Owner) -> Result<Option<Grant>, RegistryError> {
        let area = match owner {
            Owner::Principal(_) => {
                let bucket = self.end.formula.bucket(owner);
                return Ok(Some(Grant::whole(bucket, Access::Read)));
            }
            Owner::Organisation(slug) => {
                let found = self.directory.organisation(slug).await?;
                found.map(|organisation| organisation.area)
            }
            Owner::Workspace(name) => {
                let found = self.directory.workspace(name).await?;
                found.map(|workspace| workspace.area)
            }
            Owner::AccessKey(_) => None,
        };
        Ok(area.map(|area| area.grant(Access::Read)))
    }
}

impl LiveSession {
    /// What it opens, to read.
    fn to_read(&self) -> Grant {
        Grant {
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            access: Access::Read,
        }
    }

    /// Whether the storage is the caller's own.
    fn is_own(&self) -> bool {
        self.caller.to_string() == self.owner.to_string()
    }
}
