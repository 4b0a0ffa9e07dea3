//! The plain model: who has what, and who may reach what.

use std::collections::BTreeMap;

use super::names::{
    KeyKind, ORGANISATIONS, PEOPLE, Person, Place, REPLICAS, WORKSPACES, organisation_of,
};
use super::transition::{Asked, Blocked, By, MemberRow};

/// The life of a session in minutes, and of one that was asked to be short.
const LONG: u32 = 720;
const SHORT: u32 = 60;

/// A session is handed out again while this much of its life is over at most.
const REUSED: u32 = LONG / 2;

/// The life of a token in minutes.
pub(super) const TOKEN_LIFE: u32 = 360;

#[derive(Clone, Debug)]
pub(super) struct State {
    /// How far the clocks have jumped, in minutes.
    pub(super) now: u32,
    /// Whether the gateway hands out sessions again.
    pub(super) reuses: bool,
    /// The replica that is asked.
    pub(super) replica: usize,
    /// Counts each replica's starts.
    pub(super) runs: [u32; REPLICAS],
    pub(super) people: Vec<PersonState>,
    pub(super) enabled: [bool; ORGANISATIONS.len()],
    /// The organisations that were deleted, which is for good.
    pub(super) gone: [bool; ORGANISATIONS.len()],
    pub(super) api_keys: Vec<ApiKeyState>,
    pub(super) deleted: [bool; WORKSPACES.len()],
    /// Whether each member may write.
    pub(super) members: BTreeMap<MemberRow, bool>,
    /// Until when.
    pub(super) blocks: BTreeMap<Blocked, Option<u32>>,
    pub(super) sessions: Vec<Session>,
    pub(super) keys: Vec<KeyState>,
    /// What the last transition comes to.
    pub(super) expected: Expected,
}

/// What a call is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Done,
    /// Credentials.
    Granted,
    Refused,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PersonState {
    pub(super) token_ends: Option<u32>,
    pub(super) bucket: Bucket,
    pub(super) is_erased: bool,
}

/// A person's bucket at the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bucket {
    Missing,
    Theirs,
    /// It was there before its person, who may have asked for it.
    Squatted {
        is_reserved: bool,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct ApiKeyState {
    pub(super) organisation: usize,
    pub(super) is_revoked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Person(Person),
    ApiKey(usize),
}

#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) caller: Caller,
    pub(super) place: Place,
    pub(super) writes: bool,
    pub(super) opened: u32,
    pub(super) ends: u32,
    pub(super) is_revoked: bool,
    /// The replica that opened it, and its start.
    pub(super) opened_by: (usize, u32),
    /// Whether its caller or owner was revoked since: it is not handed out again.
    pub(super) is_stale: bool,
    /// The first session in the list with the same credentials.
    pub(super) same_as: usize,
}

#[derive(Clone, Debug)]
pub(super) struct KeyState {
    pub(super) kind: KeyKind,
    pub(super) is_disabled: bool,
    pub(super) is_deleted: bool,
    /// When its capability token ends.
    pub(super) capability_ends: u32,
}

impl State {
    pub(super) fn new(reuses: bool) -> Self {
        let person = PersonState {
            token_ends: None,
            bucket: Bucket::Missing,
            is_erased: false,
        };
        Self {
            now: 0,
            reuses,
            replica: 0,
            runs: [0; REPLICAS],
            people: vec![person; PEOPLE],
            enabled: [true; ORGANISATIONS.len()],
            gone: [false; ORGANISATIONS.len()],
            api_keys: Vec::new(),
            deleted: [false; WORKSPACES.len()],
            members: BTreeMap::new(),
            blocks: BTreeMap::new(),
            sessions: Vec::new(),
            keys: Vec::new(),
            expected: Expected::Done,
        }
    }

    pub(super) fn person(&self, person: Person) -> PersonState {
        self.people[person.0]
    }

    pub(super) fn has_token(&self, person: Person) -> bool {
        let ends = self.person(person).token_ends;
        ends.is_some_and(|ends| self.now < ends)
    }

    /// What a person gets: nothing, or whether it may be written.
    pub(super) fn entitled(&self, person: Person, asked: &Asked) -> Option<bool> {
        let is_let_in = self.has_token(person) && !self.is_blocked(Some(person), asked.place);
        let writes = match asked.place {
            Place::Own(own) => {
                let has_bucket = !matches!(self.person(own).bucket, Bucket::Squatted { .. });
                (own == person && has_bucket).then_some(true)
            }
            Place::Workspace(workspace) => self.membership(person, workspace),
            Place::Organisation(_) | Place::Data => None,
        };
        let writes = writes.filter(|_| is_let_in)?;
        Some(writes && !asked.to_read)
    }

    /// Whether an API key was made for the organisation, or an access key.
    pub(super) fn has_keys(&self, organisation: usize) -> bool {
        let mut api_keys = self.api_keys.iter();
        let mut keys = self.keys.iter().filter(|key| !key.is_deleted);
        api_keys.any(|key| key.organisation == organisation && !key.is_revoked)
            || keys.any(|key| key.kind.organisation() == Some(organisation))
    }

    /// Whether an API key gets its organisation's storage.
    pub(super) fn is_key_entitled(&self, key: ApiKeyState) -> bool {
        let organisation = key.organisation;
        !key.is_revoked
            && self.enabled[organisation]
            && !self.is_blocked(None, Place::Organisation(organisation))
    }

    /// Whether who asks for a new pair of an access key gets it.
    pub(super) fn is_rotated(&self, key: &KeyState, by: By) -> bool {
        let person = Person(0);
        let (owner, is_enabled) = match key.kind.organisation() {
            Some(index) => (Place::Organisation(index), self.enabled[index]),
            None => (Place::Own(person), true),
        };
        let is_person = key.kind.organisation().is_none();
        let (caller, may) = match by {
            By::Owner if is_person => (Some(person), self.has_token(person)),
            By::Owner => (None, true),
            By::Capability => (None, self.now < key.capability_ends),
            By::Stranger => (None, false),
        };
        may && is_enabled && !self.is_blocked(caller, owner) && !key.is_disabled
    }

    fn membership(&self, person: Person, workspace: usize) -> Option<bool> {
        let rows = self.members.iter().filter(|(row, _)| {
            let is_theirs = if row.any_client {
                row.person.is_same_subject(person)
            } else {
                row.person == person
            };
            row.workspace == workspace && is_theirs
        });
        let widest = rows.map(|(_, writes)| *writes).max();
        widest.filter(|_| !self.deleted[workspace] && self.enabled[organisation_of(workspace)])
    }

    pub(super) fn is_blocked(&self, caller: Option<Person>, place: Place) -> bool {
        let holds = |block| {
            let until = self.blocks.get(&block);
            until.is_some_and(|until| until.is_none_or(|until| self.now < until))
        };
        let caller = caller.is_some_and(|caller| {
            holds(Blocked::Caller(caller))
                || holds(Blocked::Client(caller.client()))
                || self.person(caller).is_erased
        });
        let erased = matches!(place, Place::Own(own) if self.person(own).is_erased);
        caller || erased || holds(Blocked::Owner(place))
    }

    /// Whether the store takes a session.
    pub(super) fn is_alive(&self, session: &Session) -> bool {
        !session.is_revoked && self.now < session.ends && self.has_bucket(session.place)
    }

    /// Whether the store has the bucket.
    pub(super) fn has_bucket(&self, place: Place) -> bool {
        !matches!(place, Place::Own(person) if self.person(person).bucket == Bucket::Missing)
    }

    /// The replica that is asked, and its start.
    fn asked(&self) -> (usize, u32) {
        (self.replica, self.runs[self.replica])
    }

    pub(super) fn open(&mut self, caller: Caller, place: Place, writes: bool, short: bool) {
        let index = self.sessions.len();
        let again = self.sessions.iter().rfind(|held| {
            let is_same = (held.caller, held.place, held.writes) == (caller, place, writes);
            let is_young = held.ends - held.opened == LONG && self.now - held.opened < REUSED;
            is_same && is_young && held.opened_by == self.asked() && !held.is_stale
        });
        let again = again.filter(|_| self.reuses && !short).cloned();
        self.sessions.push(again.unwrap_or(Session {
            caller,
            place,
            writes,
            opened: self.now,
            ends: self.now + if short { SHORT } else { LONG },
            is_revoked: false,
            opened_by: self.asked(),
            is_stale: false,
            same_as: index,
        }));
        if let Place::Own(own) = place {
            self.people[own.0].bucket = Bucket::Theirs;
        }
        self.expected = Expected::Granted;
    }

    /// Ends sessions. Later calls of whom it concerns get new ones.
    pub(super) fn revoke(
        &mut self,
        ends: impl Fn(&Session) -> bool,
        concerns: impl Fn(&Session) -> bool,
    ) {
        for session in &mut self.sessions {
            session.is_revoked |= ends(session);
            session.is_stale |= concerns(session);
        }
    }
}
