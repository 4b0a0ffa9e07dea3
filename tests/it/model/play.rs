//! Plays transitions on the real system.

use std::time::Duration;

use cloakroom::domain::CallerId;
use cloakroom::service::SessionsOf;
use reqwest::RequestBuilder;

use crate::support::Answer;

use super::answer::{Keys, assert_names};
use super::apply::own;
use super::books;
use super::calls;
use super::database;
use super::names::{Person, Place, slug, workspace};
use super::operator;
use super::state::{Expected, State, TOKEN_LIFE};
use super::system::{RealKey, World};
use super::transition::{Revoked, Transition};

/// How long the database's lock is held.
const LOCKED: Duration = Duration::from_millis(100);

impl World {
    pub(super) async fn play(mut self, state: &State, transition: &Transition) -> Self {
        use Transition as T;
        self.before = self.held(&self.last);
        let operator = &self.operator;
        match transition {
            T::SignIn(person) => {
                let token = calls::sign_in(&self.app, &self.issuer, *person, state.now).await;
                self.tokens[person.0] = Some(token);
            }
            T::Ask(person, asked) => {
                let request = calls::ask(self.asked(), self.token(*person), asked);
                self.session(request, state).await;
            }
            T::AskUnrecorded(person) => self.ask_unrecorded(*person, state).await,
            T::Forge(person) => self.forge(*person).await,
            T::MakeApiKey(index) => {
                let key = self.app.key(&slug(*index), true).await;
                self.api_keys.push(key);
            }
            T::RevokeApiKey(index) => {
                let revoked = operator.revoke_key(index.get(&self.api_keys).id());
                revoked.await.unwrap();
            }
            T::AskOrganisation(index, to_read) => {
                let key = index.get(&self.api_keys);
                let request = calls::ask_organisation(self.asked(), key, *to_read);
                self.session(request, state).await;
            }
            T::SetEnabled(index, to) => {
                operator.set_enabled(&slug(*index), *to).await.unwrap();
            }
            T::DeleteOrganisation(index) => self.delete_organisation(*index, state).await,
            T::SetMember(row, writes) => operator::set_member(operator, *row, *writes).await,
            T::RemoveMember(row) => operator::remove_member(operator, *row).await,
            T::DeleteWorkspace(index) => {
                let name = workspace(*index);
                operator.delete_workspace(&name, true).await.unwrap();
            }
            T::RestoreWorkspace(index) => operator::restore(operator, *index).await,
            T::Block(target, time) => operator::block(&self.app, operator, *target, *time).await,
            T::Unblock(target) => operator::unblock(operator, *target).await,
            T::Revoke(of) => self.revoke(of).await,
            T::Erase(person) => operator::erase(&self.app, *person).await,
            T::MakeKey(kind) => {
                let id = operator::make_key(operator, *kind).await;
                let capability = operator::capability(&self.app, operator, &id, TOKEN_LIFE).await;
                self.keys.push(RealKey {
                    id,
                    newest: None,
                    capability,
                });
            }
            T::Rotate(index, by) => self.rotate(index, *by, state).await,
            T::RotateTwice(index) => self.rotate_twice(index, state).await,
            T::DisableKey(index) => {
                operator::disable_key(operator, &index.get(&self.keys).id).await;
            }
            T::DeleteKey(index) => {
                operator::delete_key(operator, &index.get(&self.keys).id).await;
                self.assert_deleted(index.index(self.keys.len()), state)
                    .await;
            }
            T::Squat(person) => operator::squat(&self.app, *person).await,
            T::GiveAway(person) => operator::give_away(operator, *person).await,
            T::Turn => self.replica = state.replica,
            T::Restart => return Box::pin(self.restarted()).await,
            T::Jump(minutes) => {
                self.clock.jump(*minutes);
                let by = Duration::from_secs(u64::from(*minutes) * 60);
                self.app.storage.advance(by);
            }
        }
        self
    }

    /// None of its keys opens anything from now on, at either replica.
    async fn delete_organisation(&self, index: usize, state: &State) {
        operator::delete_organisation(&self.operator, index).await;
        let keys = state.keys.iter().enumerate();
        for (key, _) in keys.filter(|(_, key)| key.kind.organisation() == Some(index)) {
            let id = &self.keys[key].id;
            self.operator.look_after_key(id).await.unwrap();
            self.assert_deleted(key, state).await;
        }
        let keys = self.api_keys.iter().zip(&state.api_keys);
        let keys = keys.filter(|(_, key)| key.organisation == index);
        let keys = keys.map(|(key, _)| key).chain([&self.rotating[index]]);
        for (key, app) in keys.flat_map(|key| [(key, &self.app), (key, &self.other)]) {
            assert_eq!(app.boto(key).await.status, 401, "keys: of {index}");
        }
    }

    /// Not even the bearer of its capability token finds the access key, at either replica.
    async fn assert_deleted(&self, index: usize, state: &State) {
        let key = &self.keys[index];
        let code = if state.now < state.keys[index].capability_ends {
            "object_storage_access_key_not_found"
        } else {
            "invalid_capabilities_token"
        };
        for app in [&self.app, &self.other] {
            let answer = calls::rotate(app, &key.capability, key.id.as_str()).await;
            assert_refused(&answer);
            assert_eq!(answer.json()["code"], code, "keys: {answer:?}");
        }
    }

    async fn restarted(self) -> Self {
        if self.replica == 0 {
            let app = self.app.restarted().await;
            Self { app, ..self }
        } else {
            let other = self.other.restarted().await;
            Self { other, ..self }
        }
    }

    /// A made-up token, if the person has not signed in.
    pub(super) fn token(&self, person: Person) -> &str {
        self.tokens[person.0].as_deref().unwrap_or("none")
    }

    /// Sends the request and keeps the session, if the model says that there is one.
    async fn session(&mut self, request: RequestBuilder, state: &State) {
        let answer = self.app.send(request).await;
        self.keep(&answer, state).await;
    }

    async fn keep(&mut self, answer: &Answer, state: &State) {
        if state.expected != Expected::Granted {
            return assert_refused(answer);
        }
        assert_eq!(answer.status, 200, "answer: {answer:?}");
        let session = state.sessions.last().unwrap();
        assert_names(answer, session.place);
        let keys = Keys::read(answer);
        let request = answer.header("x-request-id").unwrap().to_owned();
        books::assert_recorded(&self.database, &request, &keys.id).await;
        let index = self.sessions.len();
        let same_as = self.sessions.iter().position(|one| one.id == keys.id);
        let same_as = same_as.unwrap_or(index);
        assert_eq!(
            same_as, session.same_as,
            "isolation: {index} was handed out before"
        );
        self.given.requests.insert(request);
        self.sessions.push(keys);
        if let Place::Own(_) = session.place {
            self.store.furnish(&self.root, session.place).await;
        }
    }

    /// Nothing is answered before it is on record.
    async fn ask_unrecorded(&mut self, person: Person, state: &State) {
        let lock = database::lock(&self.database).await;
        let request = calls::ask(self.asked(), self.token(person), &own(person));
        let mut sent = tokio::spawn(request.send());
        let early = tokio::time::timeout(LOCKED, &mut sent).await;
        assert!(
            early.is_err(),
            "audit: an answer without an event: {early:?}"
        );
        lock.rollback().await.unwrap();
        let answer = Answer::read(sent.await.unwrap().unwrap()).await;
        self.keep(&answer, state).await;
    }

    async fn forge(&self, person: Person) {
        let token = self.token(person);
        let app = self.asked();
        let genuine = app.http.get(format!("{}/v1/storage", app.url));
        let genuine = app.send(genuine.bearer_auth(token)).await;
        assert!([200, 403].contains(&genuine.status), "answer: {genuine:?}");
        let forged = calls::ask(app, &calls::forged(token), &own(person));
        let answer = app.send(forged).await;
        assert_eq!(answer.status, 401, "identity: a forged token: {answer:?}");
    }

    async fn revoke(&self, of: &Revoked) {
        let of = match of {
            Revoked::Owner(place) => SessionsOf::Owner(place.owner().unwrap()),
            Revoked::Caller(person) => SessionsOf::Caller(person.caller()),
            Revoked::ApiKey(index) => {
                let id = index.get(&self.api_keys).id().clone();
                SessionsOf::Caller(CallerId::ApiKey(id))
            }
            Revoked::Session(index) => SessionsOf::Key(index.get(&self.sessions).id.clone()),
            Revoked::Oneself(person) => {
                return calls::revoke_oneself(self.asked(), self.token(*person)).await;
            }
        };
        operator::revoke(&self.operator, of).await;
    }
}

/// A refusal is the caller's: nothing was handed out, and nothing failed.
pub(super) fn assert_refused(answer: &Answer) {
    assert!((400..500).contains(&answer.status), "answer: {answer:?}");
    assert!(
        !answer.text.contains("ASIA") && !answer.text.contains("AKIA"),
        "answer: {answer:?}"
    );
}
