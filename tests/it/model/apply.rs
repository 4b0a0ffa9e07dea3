//! What transitions do to the model, and when they are possible.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use super::names::{KeyKind, Person, Place, REPLICAS, WORKSPACES, organisation_of};
use super::state::{ApiKeyState, Bucket, Caller, Expected, KeyState, State, TOKEN_LIFE};
use super::transition::{
    Asked, Blocked, By, Dialect, MemberRow, Revoked, Transition, any_transition,
};

/// The model as proptest plays it.
pub(super) struct Model;

/// The most API keys, and access keys.
const MOST: usize = 6;

impl ReferenceStateMachine for Model {
    type State = State;
    type Transition = Transition;

    fn init_state() -> BoxedStrategy<State> {
        any::<bool>().prop_map(State::new).boxed()
    }

    fn transitions(state: &State) -> BoxedStrategy<Transition> {
        any_transition(state)
    }

    fn preconditions(state: &State, transition: &Transition) -> bool {
        state.allows(transition)
    }

    fn apply(mut state: State, transition: &Transition) -> State {
        state.expected = Expected::Done;
        state.play(transition);
        state
    }
}

/// A session of the person's own bucket.
pub(super) fn own(person: Person) -> Asked {
    Asked {
        place: Place::Own(person),
        dialect: Dialect::Plain,
        to_read: false,
        short: false,
    }
}

impl State {
    fn allows(&self, transition: &Transition) -> bool {
        use Transition as T;
        match transition {
            T::AskUnrecorded(person) => {
                self.person(*person).bucket == Bucket::Theirs
                    && self.entitled(*person, &own(*person)).is_some()
            }
            T::Forge(person) => self.has_token(*person),
            T::MakeApiKey(organisation) => self.api_keys.len() < MOST && !self.gone[*organisation],
            T::RevokeApiKey(index) => {
                let keys = &self.api_keys;
                !keys.is_empty() && !self.gone[index.get(keys).organisation]
            }
            T::AskOrganisation(..) | T::Revoke(Revoked::ApiKey(_)) => !self.api_keys.is_empty(),
            T::SetEnabled(organisation, _) | T::DeleteOrganisation(organisation) => {
                !self.gone[*organisation]
            }
            T::SetMember(row, _) => !self.deleted[row.workspace],
            T::RemoveMember(row) => {
                !self.deleted[row.workspace] && self.members.keys().any(|one| row.covers(one))
            }
            T::DeleteWorkspace(index) => !self.deleted[*index],
            T::RestoreWorkspace(index) => {
                self.deleted[*index] && !self.gone[organisation_of(*index)]
            }
            T::Revoke(Revoked::Session(index)) => {
                let sessions = &self.sessions;
                !sessions.is_empty() && self.is_alive(index.get(sessions))
            }
            T::Revoke(Revoked::Oneself(person)) => {
                self.has_token(*person) && !self.person(*person).is_erased
            }
            T::Erase(person) => {
                let has_key = |key: &KeyState| key.kind == KeyKind::Own && !key.is_deleted;
                let is_free = *person != Person(0) || !self.keys.iter().any(has_key);
                self.person(*person).bucket == Bucket::Theirs && is_free
            }
            T::MakeKey(kind) => {
                let has_bucket = self.person(Person(0)).bucket == Bucket::Theirs;
                let is_gone = kind.organisation().is_some_and(|index| self.gone[index]);
                self.keys.len() < MOST && !is_gone && (*kind != KeyKind::Own || has_bucket)
            }
            T::Rotate(index, _) | T::DisableKey(index) | T::DeleteKey(index) => {
                !self.keys.is_empty() && !index.get(&self.keys).is_deleted
            }
            T::RotateTwice(index) => {
                let is_possible =
                    |key: &KeyState| !key.is_deleted && self.is_rotated(key, By::Owner);
                !self.keys.is_empty() && is_possible(index.get(&self.keys))
            }
            T::Squat(person) => {
                let person = self.person(*person);
                person.bucket == Bucket::Missing && !person.is_erased
            }
            _ => true,
        }
    }

    fn play(&mut self, transition: &Transition) {
        use Transition as T;
        match transition {
            T::SignIn(person) => {
                self.people[person.0].token_ends = Some(self.now + TOKEN_LIFE);
            }
            T::Ask(person, asked) => self.ask(*person, asked),
            T::AskUnrecorded(person) => self.ask(*person, &own(*person)),
            T::Forge(_) => self.expected = Expected::Refused,
            T::MakeApiKey(organisation) => self.api_keys.push(ApiKeyState {
                organisation: *organisation,
                is_revoked: false,
            }),
            T::RevokeApiKey(index) => {
                let index = index.index(self.api_keys.len());
                self.api_keys[index].is_revoked = true;
            }
            T::AskOrganisation(index, to_read) => {
                let index = index.index(self.api_keys.len());
                let key = self.api_keys[index];
                self.expected = Expected::Refused;
                if self.is_key_entitled(key) {
                    let place = Place::Organisation(key.organisation);
                    self.open(Caller::ApiKey(index), place, !to_read, false);
                }
            }
            T::SetEnabled(organisation, to) => self.enabled[*organisation] = *to,
            T::SetMember(row, writes) => {
                self.members.insert(*row, *writes);
            }
            T::RemoveMember(row) => self.members.retain(|one, _| !row.covers(one)),
            T::DeleteOrganisation(organisation) => self.delete_organisation(*organisation),
            T::DeleteWorkspace(index) => self.delete_workspace(*index),
            T::RestoreWorkspace(index) => self.deleted[*index] = false,
            T::Block(target, time) => {
                let until = time.map(|time| self.now + time);
                self.blocks.insert(*target, until);
            }
            T::Unblock(target) => {
                self.blocks.remove(target);
                if let Blocked::Owner(Place::Own(person)) | Blocked::Caller(person) = target {
                    self.people[person.0].is_erased = false;
                }
            }
            T::Revoke(of) => self.play_revocation(of),
            T::Erase(person) => self.erase(*person),
            T::Squat(person) => {
                self.people[person.0].bucket = Bucket::Squatted { is_reserved: false };
            }
            T::GiveAway(_) => {}
            T::Turn => self.replica = (self.replica + 1) % REPLICAS,
            T::Restart => self.runs[self.replica] += 1,
            T::Jump(minutes) => self.now += minutes,
            T::MakeKey(_)
            | T::Rotate(..)
            | T::RotateTwice(_)
            | T::DisableKey(_)
            | T::DeleteKey(_) => self.play_keys(transition),
        }
    }

    fn play_keys(&mut self, transition: &Transition) {
        use Transition as T;
        match transition {
            T::MakeKey(kind) => self.keys.push(KeyState {
                kind: *kind,
                is_disabled: false,
                is_deleted: false,
                capability_ends: self.now + TOKEN_LIFE,
            }),
            T::Rotate(index, by) => {
                let index = index.index(self.keys.len());
                self.expected = if self.is_rotated(&self.keys[index], *by) {
                    Expected::Granted
                } else {
                    Expected::Refused
                };
            }
            T::RotateTwice(_) => self.expected = Expected::Granted,
            T::DisableKey(index) => {
                let index = index.index(self.keys.len());
                self.keys[index].is_disabled = true;
            }
            T::DeleteKey(index) => {
                let index = index.index(self.keys.len());
                self.keys[index].is_deleted = true;
            }
            _ => {}
        }
    }

    fn delete_workspace(&mut self, index: usize) {
        self.deleted[index] = true;
        self.members.retain(|row, _| row.workspace != index);
    }

    /// Sessions that are out go on.
    fn delete_organisation(&mut self, organisation: usize) {
        self.gone[organisation] = true;
        for index in (0..WORKSPACES.len()).filter(|index| organisation_of(*index) == organisation) {
            self.delete_workspace(index);
        }
        for key in &mut self.api_keys {
            key.is_revoked |= key.organisation == organisation;
        }
        for key in &mut self.keys {
            key.is_deleted |= key.kind.organisation() == Some(organisation);
        }
    }

    fn ask(&mut self, person: Person, asked: &Asked) {
        self.expected = Expected::Refused;
        if let Some(writes) = self.entitled(person, asked) {
            self.open(Caller::Person(person), asked.place, writes, asked.short);
        } else if let (Bucket::Squatted { .. }, Place::Own(_)) =
            (self.person(person).bucket, asked.place)
            && self.has_token(person)
            && !self.is_blocked(Some(person), asked.place)
        {
            self.people[person.0].bucket = Bucket::Squatted { is_reserved: true };
        }
    }

    fn play_revocation(&mut self, of: &Revoked) {
        match of {
            Revoked::Owner(place) => {
                self.revoke(|one| one.place == *place, |one| one.place == *place);
            }
            Revoked::Caller(person) | Revoked::Oneself(person) => {
                let caller = Caller::Person(*person);
                self.revoke_caller(caller);
                let own = Place::Own(*person);
                self.revoke(|one| one.place == own, |one| one.place == own);
            }
            Revoked::ApiKey(index) => {
                self.revoke_caller(Caller::ApiKey(index.index(self.api_keys.len())));
            }
            Revoked::Session(index) => {
                let one = index.get(&self.sessions).clone();
                self.revoke(
                    |other| other.same_as == one.same_as,
                    |other| other.caller == one.caller,
                );
            }
        }
    }

    fn revoke_caller(&mut self, caller: Caller) {
        self.revoke(|one| one.caller == caller, |one| one.caller == caller);
    }

    fn erase(&mut self, person: Person) {
        self.play_revocation(&Revoked::Caller(person));
        self.blocks.remove(&Blocked::Caller(person));
        self.blocks.remove(&Blocked::Owner(Place::Own(person)));
        let others = Person::all().filter(|one| *one != person && one.is_same_subject(person));
        let is_known = |other: Person| {
            let bucket = self.person(other).bucket;
            let has_bucket =
                bucket == Bucket::Theirs || bucket == Bucket::Squatted { is_reserved: true };
            let is_theirs = |row: &MemberRow| row.person == other && !row.any_client;
            has_bucket || self.members.keys().any(is_theirs)
        };
        // A subject's rows for any client are forgotten with the last of its people.
        let is_last = !others.into_iter().any(is_known);
        self.members.retain(|row, _| {
            let is_own = row.person == person && !row.any_client;
            let is_any = row.any_client && row.person.is_same_subject(person);
            !(is_own || (is_any && is_last))
        });
        // The revocation goes with the bucket, and does not come back with it (docs/erase.md).
        let own = Place::Own(person);
        for session in self.sessions.iter_mut().filter(|one| one.place == own) {
            session.is_revoked = false;
        }
        let erased = &mut self.people[person.0];
        erased.is_erased = true;
        erased.bucket = Bucket::Missing;
    }
}

impl MemberRow {
    /// Whether removing this member removes the other row: a subject is removed through all clients.
    fn covers(&self, other: &Self) -> bool {
        let is_theirs = if self.any_client {
            self.person.is_same_subject(other.person)
        } else {
            self == other
        };
        self.workspace == other.workspace && is_theirs
    }
}
