//! What each credential reaches, compared with the model.

use futures_util::future::join_all;

use super::answer::Keys;
use super::names::Place;
use super::probe::{Action, Store};
use super::state::State;

/// How many probes are drawn after each step, besides those of credentials that just changed.
const DRAWN: usize = 24;

/// How many requests are under way at once.
const AT_ONCE: usize = 16;

/// A credential that was handed out, and what the model says of it.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) keys: Keys,
    pub(super) place: Place,
    pub(super) writes: bool,
    pub(super) is_alive: bool,
    /// Whether it was not so before this step.
    pub(super) is_changed: bool,
    /// For messages.
    pub(super) what: String,
}

/// Draws what is probed: the same for the same step of the same case.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// `SplitMix64`
    fn roll<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let index = usize::try_from(mixed >> 33).unwrap() % of.len();
        &of[index]
    }
}

type Probe<'a> = (&'a Held, Place, Action);

/// All that changed, in its bucket; and some of everything, everywhere.
pub(super) async fn assert_some(store: &Store, state: &State, held: &[Held], mut dice: Dice) {
    let mut probes = Vec::new();
    for one in held.iter().filter(|one| one.is_changed) {
        let near = Place::all().filter(|place| place.bucket() == one.place.bucket());
        probes.extend(near.flat_map(|place| Action::ALL.map(|action| (one, place, action))));
    }
    let places: Vec<Place> = Place::all().collect();
    for _ in 0..if held.is_empty() { 0 } else { DRAWN } {
        let one = dice.roll(held);
        let is_own = *dice.roll(&[true, false]);
        let place = if is_own {
            one.place
        } else {
            *dice.roll(&places)
        };
        probes.push((one, place, *dice.roll(&Action::ALL)));
    }
    assert_probes(store, state, probes).await;
}

/// Everything, everywhere.
pub(super) async fn assert_all(store: &Store, state: &State, held: &[Held]) {
    let places = |one| Place::all().map(move |place| (one, place));
    let pairs = held.iter().flat_map(places);
    let probes = pairs.flat_map(|(one, place)| Action::ALL.map(|action| (one, place, action)));
    assert_probes(store, state, probes.collect()).await;
}

async fn assert_probes(store: &Store, state: &State, probes: Vec<Probe<'_>>) {
    for some in probes.chunks(AT_ONCE) {
        let numbered = some.iter().enumerate();
        let sent = numbered.map(|(number, probe)| assert_probe(store, state, number, *probe));
        join_all(sent).await;
    }
}

async fn assert_probe(
    store: &Store,
    state: &State,
    number: usize,
    (one, place, action): Probe<'_>,
) {
    let expected = one.is_alive && one.place == place && (one.writes || action.is_reading());
    let place_now = (place, state.has_bucket(place));
    let allowed = store.allows(&one.keys, place_now, action, number);
    assert_eq!(
        allowed.await,
        Ok(expected),
        "isolation: {action:?} in {place:?} with {}",
        one.what
    );
}
