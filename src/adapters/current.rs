use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

/// A value that the operator may replace while the gateway runs, such as a file's contents.
pub type Current<T> = watch::Receiver<T>;

/// A [`Current`] value that never changes.
#[must_use]
pub fn fixed<T>(value: T) -> Current<T> {
    watch::channel(value).1
}

/// An object made from a [`Current`] value, and made again when the value changes.
pub(crate) struct Derived<T, Made, Error> {
    state: Mutex<State<T, Made>>,
    make: fn(&T) -> Result<Made, Error>,
    renewal_ended: Notify,
}

struct State<T, Made> {
    source: Current<T>,
    made: Made,
    version: u64,
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
                version: 0,
                made_at: Instant::now(),
                is_being_renewed: false,
            }),
            make,
            renewal_ended: Notify::new(),
        })
    }

    /// The object made from the newest usable value.
    pub(crate) fn get(&self) -> Made {
        self.get_with_version().0
    }

    /// The same, with its version for [`Derived::renew`].
    pub(crate) fn get_with_version(&self) -> (Made, u64) {
        let mut state = self.state();
        if state.source.has_changed().unwrap_or(false) {
            self.rebuild(&mut state);
        }
        (state.made.clone(), state.version)
    }

    /// Makes the object again from the same value, unless it has another version already, is being made
    /// again, or is younger than `min_age`.
    ///
    /// Blocks while the object is made; [`Derived::renewal_ended`] waits for that without blocking.
    pub(crate) fn renew(&self, version: u64, min_age: Duration) {
        let source = {
            let mut state = self.state();
            let is_renewed = state.is_being_renewed || state.version != version;
            if is_renewed || state.made_at.elapsed() < min_age {
                return;
            }
            state.is_being_renewed = true;
            state.source.clone()
        };
        let _renewal = Renewal(self);
        let new = (self.make)(&source.borrow());
        let mut state = self.state();
        if let (Ok(new), true) = (new, state.version == version) {
            state.replace(new);
        }
    }

    /// Waits for the renewal that is in progress, if any.
    pub(crate) async fn renewal_ended(&self) {
        // Created before the state is read, so no end of a renewal is missed.
        let ended = self.renewal_ended.notified();
        let is_being_renewed = self.state().is_being_renewed;
        if is_being_renewed {
            ended.await;
        }
    }

    fn rebuild(&self, state: &mut State<T, Made>) {
        let new = (self.make)(&state.source.borrow_and_update());
        match new {
            Ok(new) => state.replace(new),
            Err(error) => {
                tracing::error!(%error, "cannot use the new value: the old one stays in use");
            }
        }
    }
}

impl<T, Made, Error> Derived<T, Made, Error> {
    fn state(&self) -> MutexGuard<'_, State<T, Made>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A renewal in progress; dropping it ends the renewal, also after a panic.
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
        self.version += 1;
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
    fn a_derived_object_follows_its_source_and_survives_a_bad_value() {
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
    fn a_version_is_renewed_only_once() {
        let derived = Derived::new(fixed(0), |_: &u8| Ok::<_, fmt::Error>(Instant::now())).unwrap();
        let (first, version) = derived.get_with_version();
        derived.renew(version, Duration::from_hours(1));
        assert_eq!(derived.get(), first, "too young");
        derived.renew(version, Duration::ZERO);
        let second = derived.get();
        assert_ne!(second, first);
        derived.renew(version, Duration::ZERO);
        assert_eq!(derived.get(), second, "renewed already");
    }

    #[test]
    fn concurrent_renewals_make_the_object_once() {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let make = |_: &u8| {
            std::thread::sleep(Duration::from_millis(30));
            Ok::<_, fmt::Error>(MADE.fetch_add(1, Ordering::SeqCst))
        };
        let derived = Derived::new(fixed(0), make).unwrap();
        let (_, version) = derived.get_with_version();
        std::thread::scope(|threads| {
            for _ in 0..200 {
                threads.spawn(|| derived.renew(version, Duration::ZERO));
            }
        });
        assert_eq!((MADE.load(Ordering::SeqCst), derived.get()), (2, 1));
        derived.renew(derived.get_with_version().1, Duration::ZERO);
        assert_eq!(derived.get(), 2, "a later one");
    }
}
