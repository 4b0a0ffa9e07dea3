//! A model that plays: random calls of people, organisations and operators, with restarts and jumps of the
//! clock, against two replicas of the gateway and the embedded store. After each of them, what every credential reaches is
//! compared with a plain model of who may reach what. CONTRIBUTING.md says how to run it long and how to
//! repeat a failure.

mod answer;
mod apply;
mod books;
mod calls;
mod clock;
mod database;
mod names;
mod operator;
mod play;
mod probe;
mod reach;
mod rotation;
mod state;
mod system;
mod transition;

use std::ops::RangeInclusive;

use proptest::test_runner::{Config, RngSeed};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use apply::Model;
use state::State;
use system::System;
use transition::Transition;

struct Play;

impl StateMachineTest for Play {
    type SystemUnderTest = System;
    type Reference = Model;

    fn init_test(state: &State) -> System {
        System::start(state)
    }

    fn apply(system: System, state: &State, transition: Transition) -> System {
        system.play(state, &transition)
    }

    fn check_invariants(system: &System, state: &State) {
        system.check(state);
    }

    fn teardown(system: System, state: <Model as ReferenceStateMachine>::State) {
        system.check_all(&state);
    }
}

prop_state_machine! {
    #![proptest_config(config())]

    #[test]
    fn credentials_reach_what_the_model_says(sequential steps() => Play);
}

/// Plays the same sequences each time, so that a change is judged by what it changed; `MODEL_CASES` makes
/// others, and as many of them as it says.
fn config() -> Config {
    let mut config = Config {
        cases: number("MODEL_CASES", 3),
        max_shrink_time: 120_000,
        ..Config::default()
    };
    if std::env::var_os("MODEL_CASES").is_none() {
        config.rng_seed = RngSeed::Fixed(12);
    }
    config
}

fn steps() -> RangeInclusive<usize> {
    let steps = number("MODEL_STEPS", 60);
    steps..=steps
}

fn number<T: std::str::FromStr>(variable: &str, default: T) -> T {
    let set = std::env::var(variable).ok();
    let parse = |text: String| text.parse().ok();
    set.map_or(default, |text| {
        parse(text).unwrap_or_else(|| panic!("{variable} is no number"))
    })
}
