use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// A value that the operator may replace while the gateway runs: what a file holds.
pub type Current<T> = watch::Receiver<T>;

/// A value that stays as it is.
#[must_use]
pub fn fixed<T>(value: T) -> Current<T> {
    watch::channel(value).1
}

/// Something made of a [`Current`] value, and made again when that has changed.
pub(crate) struct Derived<T, Made, Error> {
    state: Mutex<State<T, Made>>,
    make: fn(&T) -> Result<Made, Error>,
}

struct State<T, Made> {
    source: Current<T>,
    made: Made,
    number: u64,
    made_at: Instant,
}

impl<T, Made: Clone, Error: fmt::Display> Derived<T, Made, Error> {
    pub(crate) fn new(
        mut source: Current<T>,
        make: fn(&T) -> Result<Made, Error>,
    ) -> Result<Self, Error> {
        let first = make(&source.borrow_and_update())?;
        Ok(Self {
            state: Mutex::new(State {
                source,
                made: first,
                number: 0,
                made_at: Instant::now(),
            }),
            make,
        })
    }

    /// The newest that could be made.
    pub(crate) fn get(&self) -> Made {
        self.numbered().0
    }

    /// The same, with a number by which [`Derived::renew`] knows it.
    pub(crate) fn numbered(&self) -> (Made, u64) {
        let mut state = self.state();
        if state.source.has_changed().unwrap_or(false) {
            self.make_again(&mut state);
        }
        (state.made.clone(), state.number)
    }

    /// Makes it again of the same value, unless there is another than this one already, or it was
    /// made less than `pause` ago.
    ///
    /// This may take a while; nobody else waits for it.
    pub(crate) fn renew(&self, number: u64, pause: Duration) {
        let source = {
            let state = self.state();
            if state.number != number || state.made_at.elapsed() < pause {
                return;
            }
            state.source.clone()
        };
        let new = (self.make)(&source.borrow());
        let mut state = self.state();
        if let (Ok(new), true) = (new, state.number == number) {
            state.replace(new);
        }
    }

    fn make_again(&self, state: &mut State<T, Made>) {
        let new = (self.make)(&state.source.borrow_and_update());
        match new {
            Ok(new) => state.replace(new),
            Err(error) => tracing::error!(%error, "a new value is no good; the old one stays"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T, Made>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, Made> State<T, Made> {
    fn replace(&mut self, new: Made) {
        self.made = new;
        self.number += 1;
        self.made_at = Instant::now();
    }
}

impl<T, Made, Error> fmt::Debug for Derived<T, Made, Error> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Derived")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_derived_follows_its_source_and_survives_a_bad_one() {
        let (sender, source) = watch::channel("1".to_owned());
        let derived = Derived::new(source, |text: &String| text.parse::<u8>()).unwrap();
        assert_eq!(derived.get(), 1);
        sender.send("2".to_owned()).unwrap();
        assert_eq!(derived.get(), 2);
        sender.send("nonsense".to_owned()).unwrap();
        assert_eq!(derived.get(), 2);
        sender.send("3".to_owned()).unwrap();
        assert_eq!(derived.get(), 3);
    }

    #[test]
    fn what_is_derived_is_renewed_once_for_all_who_had_it() {
        let derived = Derived::new(fixed(0), |_: &u8| Ok::<_, fmt::Error>(Instant::now())).unwrap();
        let (first, number) = derived.numbered();
        derived.renew(number, Duration::from_hours(1));
        assert_eq!(derived.get(), first, "too young");
        derived.renew(number, Duration::ZERO);
        let second = derived.get();
        assert_ne!(second, first);
        derived.renew(number, Duration::ZERO);
        assert_eq!(derived.get(), second, "of the one before");
    }
}
