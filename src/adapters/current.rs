use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

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
    renewal_ended: Notify,
}

struct State<T, Made> {
    source: Current<T>,
    made: Made,
    number: u64,
    made_at: Instant,
    is_being_renewed: bool,
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
                is_being_renewed: false,
            }),
            make,
            renewal_ended: Notify::new(),
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

    /// Makes it again of the same value, unless there is another than this one already, another is
    /// being made, or it was made less than `pause` ago.
    ///
    /// This may take a while; only [`Derived::renewal_ended`] waits for it.
    pub(crate) fn renew(&self, number: u64, pause: Duration) {
        let source = {
            let mut state = self.state();
            let is_other = state.is_being_renewed || state.number != number;
            if is_other || state.made_at.elapsed() < pause {
                return;
            }
            state.is_being_renewed = true;
            state.source.clone()
        };
        let _renewal = Renewal(self);
        let new = (self.make)(&source.borrow());
        let mut state = self.state();
        if let (Ok(new), true) = (new, state.number == number) {
            state.replace(new);
        }
    }

    /// Waits until the renewal that is under way has ended, if there is one.
    pub(crate) async fn renewal_ended(&self) {
        // Made before the look at the state: it hears what ends from now on.
        let ended = self.renewal_ended.notified();
        let is_being_renewed = self.state().is_being_renewed;
        if is_being_renewed {
            ended.await;
        }
    }

    fn make_again(&self, state: &mut State<T, Made>) {
        let new = (self.make)(&state.source.borrow_and_update());
        match new {
            Ok(new) => state.replace(new),
            Err(error) => tracing::error!(%error, "a new value is no good; the old one stays"),
        }
    }
}

impl<T, Made, Error> Derived<T, Made, Error> {
    fn state(&self) -> MutexGuard<'_, State<T, Made>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A renewal that is under way; it ends however it ends.
struct Renewal<'a, T, Made, Error>(&'a Derived<T, Made, Error>);

impl<T, Made, Error> Drop for Renewal<'_, T, Made, Error> {
    fn drop(&mut self) {
        self.0.state().is_being_renewed = false;
        self.0.renewal_ended.notify_waiters();
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
    use std::sync::atomic::{AtomicUsize, Ordering};

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

    #[test]
    fn many_renewals_at_once_make_it_once() {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let make = |_: &u8| {
            std::thread::sleep(Duration::from_millis(30));
            Ok::<_, fmt::Error>(MADE.fetch_add(1, Ordering::SeqCst))
        };
        let derived = Derived::new(fixed(0), make).unwrap();
        let (_, number) = derived.numbered();
        std::thread::scope(|threads| {
            for _ in 0..200 {
                threads.spawn(|| derived.renew(number, Duration::ZERO));
            }
        });
        assert_eq!((MADE.load(Ordering::SeqCst), derived.get()), (2, 1));
        derived.renew(derived.numbered().1, Duration::ZERO);
        assert_eq!(derived.get(), 2, "a later one");
    }
}
