//! Rotations of access keys.

use std::time::{Duration, Instant};

use proptest::sample::Index;

use crate::access_keys::pair;
use crate::support::Answer;

use super::answer::Keys;
use super::calls;
use super::names::{KeyKind, Person};
use super::play::assert_refused;
use super::state::{Expected, State};
use super::system::World;
use super::transition::By;

/// How long a rotation goes on after its answer, on a busy machine.
const SETTLED: Duration = Duration::from_secs(20);

impl World {
    /// What the rotation is asked for with.
    fn rotation_token(&self, index: usize, kind: KeyKind, by: By) -> &str {
        match (by, kind) {
            (By::Capability, _) => &self.keys[index].capability,
            (By::Owner, KeyKind::Writer) => self.rotating[0].expose(),
            (By::Owner, KeyKind::Reader) => self.rotating[1].expose(),
            (By::Stranger, KeyKind::Writer | KeyKind::Reader) => self.stranger.expose(),
            (By::Owner, KeyKind::Own) => self.token(Person(0)),
            (By::Stranger, KeyKind::Own) => self.token(Person(1)),
        }
    }

    /// A capability token is for one access key.
    async fn assert_others_refused(&self, id: &str) {
        let answer = calls::rotate(self.asked(), &self.others_capability, id).await;
        assert_refused(&answer);
        assert_eq!(
            answer.json()["code"],
            "invalid_capabilities_token",
            "answer: {answer:?}"
        );
    }

    pub(super) async fn rotate(&mut self, index: &Index, by: By, state: &State) {
        let kind = index.get(&state.keys).kind;
        let index = index.index(self.keys.len());
        let id = self.keys[index].id.as_str();
        self.assert_others_refused(id).await;
        let token = self.rotation_token(index, kind, by);
        let answer = calls::rotate(self.asked(), token, id).await;
        if state.expected != Expected::Granted {
            return assert_refused(&answer);
        }
        let keys = pair_of(&answer);
        self.settled(index).await;
        self.given.pairs.insert(keys.id.clone());
        let before = self.keys[index].newest.replace(keys);
        self.ended.extend(before.map(|before| (kind, before)));
    }

    /// A rotation by each replica at once: one pair is left, which one of them was answered with.
    pub(super) async fn rotate_twice(&mut self, index: &Index, state: &State) {
        let kind = index.get(&state.keys).kind;
        let index = index.index(self.keys.len());
        let (id, token) = (
            self.keys[index].id.as_str(),
            self.rotation_token(index, kind, By::Owner),
        );
        self.assert_others_refused(id).await;
        let rotate = |app| calls::rotate(app, token, id);
        let (one, two) = tokio::join!(rotate(&self.app), rotate(&self.other));
        let answers = [one, two];
        let is_busy = |answer: &&Answer| answer.status == 422;
        assert!(
            answers.iter().filter(is_busy).count() < 2,
            "pairs: {answers:?}"
        );
        let given = answers.iter().filter(|answer| answer.status != 422);
        let mut given: Vec<Keys> = given.map(pair_of).collect();
        let recorded = self.settled(index).await;
        let living = given.iter().position(|keys| keys.id == recorded);
        let living = living.unwrap_or_else(|| panic!("pairs: {recorded} of {answers:?}"));
        self.given
            .pairs
            .extend(given.iter().map(|keys| keys.id.clone()));
        let before = self.keys[index].newest.replace(given.remove(living));
        let ended = before.into_iter().chain(given);
        self.ended.extend(ended.map(|keys| (kind, keys)));
    }

    /// Waits until the rotation is over, which may be after its answer. Returns the pair that is left.
    async fn settled(&self, index: usize) -> String {
        let id = self.keys[index].id.as_str();
        let started = Instant::now();
        loop {
            let pairs = sqlx::query_scalar::<_, String>(
                "SELECT access_key_id FROM access_key_pairs WHERE access_key = $1",
            );
            let pairs = pairs.bind(id).fetch_all(&self.database).await.unwrap();
            if let [one] = pairs.as_slice() {
                return one.clone();
            }
            assert!(started.elapsed() < SETTLED, "pairs: {pairs:?} of one key");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn pair_of(answer: &Answer) -> Keys {
    let (id, secret) = pair(answer);
    Keys {
        id,
        secret,
        token: None,
    }
}
